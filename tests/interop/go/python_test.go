package main

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
)

const (
	standInScript = "../../benchmarks/api_stand_in.py"
	pluginFolder  = "../../benchmarks/plugins/wire"
	stopTimeout   = 5 * time.Second
)

// peer is a Python process and the connection to it.
type peer struct {
	conn *grpc.ClientConn
	stop func()
}

// python is the command for a script, of the interpreter that the environment names.
func python(arguments ...string) *exec.Cmd {
	interpreter := os.Getenv("PYTHON")
	if interpreter == "" {
		interpreter = "python3"
	}
	return exec.Command(interpreter, arguments...)
}

// startStandIn starts the API's stand-in, which prints where it listens.
func startStandIn() (*peer, error) {
	process := python(standInScript, "--listen", "127.0.0.1:0")
	process.Stderr = os.Stderr
	stdout, err := process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := process.Start(); err != nil {
		return nil, err
	}
	tooLate := time.AfterFunc(startTimeout, func() { process.Process.Kill() })
	target, err := bufio.NewReader(stdout).ReadString('\n')
	tooLate.Stop()
	if err != nil {
		end(process)
		return nil, err
	}
	conn, err := grpc.Dial(strings.TrimSpace(target), grpc.WithInsecure())
	if err != nil {
		end(process)
		return nil, err
	}
	return &peer{conn, func() {
		conn.Close()
		end(process)
	}}, nil
}

// end asks a process to end, and does not wait for ever.
func end(process *exec.Cmd) {
	process.Process.Signal(syscall.SIGTERM)
	tooLate := time.AfterFunc(stopTimeout, func() { process.Process.Kill() })
	defer tooLate.Stop()
	process.Wait()
}

// startPlugin starts the plugin by go-plugin's handshake.
func startPlugin() (*peer, error) {
	process := python("plugin.py")
	process.Dir = pluginFolder
	logger := hclog.New(&hclog.LoggerOptions{Name: "host", Level: hclog.Warn})
	client := plugin.NewClient(clientConfig(process, logger))
	_, conn, err := connect(client)
	if err != nil {
		client.Kill()
		return nil, err
	}
	return &peer{conn, client.Kill}, nil
}
