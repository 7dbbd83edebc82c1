// A go-plugin host as small as can be: it starts a plugin the way a Mattermost server does, takes the steps of a
// script, ends the plugin, and tells what it saw.
//
//	go_host -log FILE [-read-stdio] COMMAND ARGUMENT… < script.json
//
// The script is a JSON array of steps (steps.go), standard output one JSON object (report). FILE gets the host's log,
// the plugin's lines among it, one JSON object a line. go-plugin reads what the plugin prints from version 1.2 on; for
// an older one -read-stdio does the same.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/protobuf/types/known/emptypb"
	"servehttp.dev/goplugin"
	pluginapiv1 "servehttp.dev/pluginapi/v1"
)

// report is what the host saw.
type report struct {
	StartError string   `json:"start_error"`
	Network    string   `json:"network"`
	Answers    []answer `json:"answers"`
	SyncStdout string   `json:"sync_stdout"`
	SyncStderr string   `json:"sync_stderr"`
	Stderr     string   `json:"stderr"`
	KillTook   float64  `json:"kill_took"`
	Exited     bool     `json:"exited"`
	ExitCode   int      `json:"exit_code"`
}

func main() {
	logFile := flag.String("log", "", "file for the log")
	readStdio := flag.Bool("read-stdio", false, "ask the plugin for what it prints; go-plugin does not")
	flag.Parse()
	if err := run(*logFile, *readStdio, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(logFile string, readStdio bool, command []string) error {
	var script []step
	if err := json.NewDecoder(os.Stdin).Decode(&script); err != nil {
		return fmt.Errorf("the script: %w", err)
	}
	log, err := os.Create(logFile)
	if err != nil {
		return err
	}
	defer log.Close()
	logger := hclog.New(&hclog.LoggerOptions{Name: "host", Level: hclog.Trace, Output: log, JSONFormat: true})
	return json.NewEncoder(os.Stdout).Encode(host(logger, readStdio, script, command))
}

// host starts the plugin, takes the steps and ends it.
func host(logger hclog.Logger, readStdio bool, script []step, command []string) report {
	var syncStdout, syncStderr, stderr buffer
	process := exec.Command(command[0], command[1:]...)
	config := clientConfig(process, logger)
	config.SyncStdout, config.SyncStderr, config.Stderr = &syncStdout, &syncStderr, &stderr
	client := plugin.NewClient(config)
	seen := report{Answers: []answer{}}
	if err := takeSteps(client, readStdio, &syncStdout, script, &seen); err != nil {
		seen.StartError = err.Error()
	}
	began := time.Now()
	client.Kill()
	seen.KillTook = time.Since(began).Seconds()
	seen.Exited = client.Exited()
	if process.ProcessState != nil {
		seen.ExitCode = process.ProcessState.ExitCode()
	}
	seen.SyncStdout, seen.SyncStderr, seen.Stderr = syncStdout.String(), syncStderr.String(), stderr.String()
	return seen
}

func takeSteps(client *plugin.Client, readStdio bool, syncStdout *buffer, script []step, seen *report) error {
	address, err := client.Start()
	if err != nil {
		return err
	}
	seen.Network = address.Network()
	protocol, conn, err := connect(client)
	if err != nil {
		return err
	}
	if readStdio {
		if err := readStdout(goplugin.NewGRPCStdioClient(conn), syncStdout); err != nil {
			return err
		}
	}
	steps := stepper{protocol: protocol, hooks: pluginapiv1.NewPluginHooksClient(conn), printed: syncStdout}
	for _, step := range script {
		seen.Answers = append(seen.Answers, steps.take(step))
	}
	return nil
}

// readStdout is what go-plugin does from version 1.2 on; it returns once the plugin sends what it prints.
func readStdout(stdio goplugin.GRPCStdioClient, stdout *buffer) error {
	stream, err := stdio.StreamStdio(context.Background(), &emptypb.Empty{})
	if err != nil {
		return err
	}
	if _, err := stream.Header(); err != nil {
		return err
	}
	go copyStdout(stream, stdout)
	return nil
}

func copyStdout(stream goplugin.GRPCStdio_StreamStdioClient, stdout *buffer) {
	for {
		data, err := stream.Recv()
		if err != nil {
			return
		}
		if data.Channel == goplugin.StdioData_STDOUT {
			stdout.Write(data.Data)
		}
	}
}

// buffer may be written and read at once.
type buffer struct {
	lock  sync.Mutex
	bytes bytes.Buffer
}

func (b *buffer) Write(data []byte) (int, error) {
	b.lock.Lock()
	defer b.lock.Unlock()
	return b.bytes.Write(data)
}

func (b *buffer) String() string {
	b.lock.Lock()
	defer b.lock.Unlock()
	return b.bytes.String()
}
