package main

import (
	"context"
	"errors"
	"os/exec"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
)

const (
	pluginName   = "hooks"
	startTimeout = 20 * time.Second
)

// hooksPlugin hands out the connection: both services that the host calls are on it.
type hooksPlugin struct {
	plugin.NetRPCUnsupportedPlugin
}

func (hooksPlugin) GRPCServer(*plugin.GRPCBroker, *grpc.Server) error {
	return errors.New("this is a host")
}

func (hooksPlugin) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, conn *grpc.ClientConn) (interface{}, error) {
	return conn, nil
}

// clientConfig is how a Mattermost server starts a plugin.
func clientConfig(process *exec.Cmd, logger hclog.Logger) *plugin.ClientConfig {
	return &plugin.ClientConfig{
		HandshakeConfig: plugin.HandshakeConfig{
			ProtocolVersion:  1,
			MagicCookieKey:   "MATTERMOST_PLUGIN",
			MagicCookieValue: "Securely message teams, anywhere.",
		},
		Plugins:          plugin.PluginSet{pluginName: hooksPlugin{}},
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		Cmd:              process,
		Logger:           logger,
		StartTimeout:     startTimeout,
	}
}

// connect starts the plugin, unless it runs, and gives the connection to it.
func connect(client *plugin.Client) (plugin.ClientProtocol, *grpc.ClientConn, error) {
	protocol, err := client.Client()
	if err != nil {
		return nil, nil, err
	}
	dispensed, err := protocol.Dispense(pluginName)
	if err != nil {
		return nil, nil, err
	}
	return protocol, dispensed.(*grpc.ClientConn), nil
}
