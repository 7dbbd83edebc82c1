package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc/status"
	pluginapiv1 "servehttp.dev/pluginapi/v1"
)

const (
	stepTimeout  = 30 * time.Second
	pollInterval = 10 * time.Millisecond
	chunkSize    = 64 * 1024
	// largestShown is how much of a body the answer holds; of a larger one it has only size and digest.
	largestShown = 4096
)

// step is one thing to do: "implemented", "configuration_change", "activate", "deactivate", "ping", "http", "printed".
type step struct {
	Do string `json:"do"`

	// For "http". The body is Pieces, or Size bytes.
	Method  string              `json:"method"`
	URL     string              `json:"url"`
	Headers map[string][]string `json:"headers"`
	Pieces  []string            `json:"pieces"`
	Size    int                 `json:"size"`
	// LockStep sends a piece only after as many bytes as were sent before it have come back.
	LockStep bool `json:"lock_step"`
	// Unfinished leaves the body open.
	Unfinished bool `json:"unfinished"`
	// CancelAfter cancels the request once so many bytes of the response have come.
	CancelAfter int `json:"cancel_after"`
	// LeaveOpen stops reading once something of the response has come; the call stays open until the plugin is ended.
	LeaveOpen bool `json:"leave_open"`

	// For "printed": wait until the plugin's stdout has this text.
	Text string `json:"text"`
}

// answer is what came of a step.
type answer struct {
	Error string   `json:"error"`
	Hooks []string `json:"hooks"`

	// Of "http".
	Status         int                 `json:"status"`
	Headers        map[string][]string `json:"headers"`
	Body           string              `json:"body"`
	Size           int                 `json:"size"`
	SHA256         string              `json:"sha256"`
	LargestMessage int                 `json:"largest_message"`
	Flushes        int                 `json:"flushes"`
	Complete       bool                `json:"complete"`
	Code           string              `json:"code"`
}

type stepper struct {
	protocol plugin.ClientProtocol
	hooks    pluginapiv1.PluginHooksClient
	printed  *buffer
}

func (s stepper) take(step step) answer {
	ctx, cancel := context.WithTimeout(context.Background(), stepTimeout)
	defer func() {
		if !step.LeaveOpen {
			cancel()
		}
	}()
	switch step.Do {
	case "implemented":
		response, err := s.hooks.Implemented(ctx, &pluginapiv1.ImplementedRequest{})
		return hookAnswer(response.GetHooks(), response.GetError(), err)
	case "configuration_change":
		response, err := s.hooks.OnConfigurationChange(ctx, &pluginapiv1.OnConfigurationChangeRequest{})
		return hookAnswer(nil, response.GetError(), err)
	case "activate":
		response, err := s.hooks.OnActivate(ctx, &pluginapiv1.OnActivateRequest{})
		return hookAnswer(nil, response.GetError(), err)
	case "deactivate":
		response, err := s.hooks.OnDeactivate(ctx, &pluginapiv1.OnDeactivateRequest{})
		return hookAnswer(nil, response.GetError(), err)
	case "ping":
		return hookAnswer(nil, nil, s.protocol.Ping())
	case "http":
		return s.request(ctx, cancel, step)
	case "printed":
		return s.waitPrinted(ctx, step.Text)
	}
	return answer{Error: fmt.Sprintf("there is no step %q", step.Do)}
}

func hookAnswer(hooks []string, appError *pluginapiv1.AppError, err error) answer {
	if err != nil {
		return answer{Error: err.Error()}
	}
	return answer{Hooks: hooks, Error: appError.GetMessage()}
}

func (s stepper) waitPrinted(ctx context.Context, text string) answer {
	for !strings.Contains(s.printed.String(), text) {
		select {
		case <-time.After(pollInterval):
		case <-ctx.Done():
			return answer{Error: "the text was not printed in time"}
		}
	}
	return answer{}
}

// request makes one ServeHTTP call; its body is sent while the response is read.
func (s stepper) request(ctx context.Context, cancel context.CancelFunc, step step) answer {
	stream, err := s.hooks.ServeHTTP(ctx)
	if err != nil {
		return answer{Error: err.Error()}
	}
	came := make(chan int, 1024)
	go send(ctx, stream, step, came)
	return read(stream, cancel, step, came)
}

func send(ctx context.Context, stream pluginapiv1.PluginHooks_ServeHTTPClient, step step, came <-chan int) {
	if stream.Send(&pluginapiv1.ServeHTTPRequest{Init: head(step)}) != nil {
		return
	}
	sent, back := 0, 0
	for piece := range pieces(step) {
		for step.LockStep && back < sent {
			select {
			case length := <-came:
				back += length
			case <-ctx.Done():
				return
			}
		}
		if stream.Send(&pluginapiv1.ServeHTTPRequest{BodyChunk: piece}) != nil {
			return
		}
		sent += len(piece)
	}
	if step.Unfinished {
		return
	}
	if stream.Send(&pluginapiv1.ServeHTTPRequest{BodyComplete: true}) == nil {
		stream.CloseSend()
	}
}

func head(step step) *pluginapiv1.ServeHTTPRequestInit {
	init := &pluginapiv1.ServeHTTPRequestInit{
		Method:        step.Method,
		Url:           step.URL,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Host:          "mattermost.example.com",
		RemoteAddr:    "192.0.2.7:5555",
		RequestUri:    "/plugins/com.example.sample" + step.URL,
		ContentLength: -1,
	}
	for key, values := range step.Headers {
		init.Headers = append(init.Headers, &pluginapiv1.HTTPHeader{Key: key, Values: values})
	}
	return init
}

// pieces gives the body as messages carry it.
func pieces(step step) <-chan []byte {
	out := make(chan []byte, len(step.Pieces)+step.Size/chunkSize+1)
	defer close(out)
	for _, piece := range step.Pieces {
		out <- []byte(piece)
	}
	chunk := make([]byte, chunkSize)
	for left := step.Size; left > 0; left -= chunkSize {
		if left < chunkSize {
			chunk = chunk[:left]
		}
		out <- chunk
	}
	return out
}

func read(stream pluginapiv1.PluginHooks_ServeHTTPClient, cancel func(), step step, came chan<- int) answer {
	seen := answer{Headers: map[string][]string{}}
	digest := sha256.New()
	for {
		message, err := stream.Recv()
		if err == io.EOF {
			break
		}
		if err != nil {
			seen.Code = status.Code(err).String()
			seen.Error = err.Error()
			break
		}
		note(&seen, message)
		digest.Write(message.BodyChunk)
		if step.LockStep && len(message.BodyChunk) > 0 {
			came <- len(message.BodyChunk)
		}
		if step.CancelAfter > 0 && seen.Size >= step.CancelAfter {
			cancel()
		}
		if step.LeaveOpen && seen.Size > 0 {
			break
		}
	}
	seen.SHA256 = hex.EncodeToString(digest.Sum(nil))
	return seen
}

func note(seen *answer, message *pluginapiv1.ServeHTTPResponse) {
	if init := message.Init; init != nil {
		seen.Status = int(init.StatusCode)
		for _, header := range init.Headers {
			seen.Headers[header.Key] = append(seen.Headers[header.Key], header.Values...)
		}
	}
	if seen.Size += len(message.BodyChunk); seen.Size <= largestShown {
		seen.Body += string(message.BodyChunk)
	}
	if len(message.BodyChunk) > seen.LargestMessage {
		seen.LargestMessage = len(message.BodyChunk)
	}
	if message.Flush {
		seen.Flushes++
	}
	seen.Complete = seen.Complete || message.BodyComplete
}
