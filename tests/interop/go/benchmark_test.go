package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"sort"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/structpb"
	pluginapiv1 "servehttp.dev/pluginapi/v1"
)

const (
	callTimeout = 10 * time.Second
	userID      = "8xk3z5qf1trw7d9mjbn4ch6aye"
)

// What the benchmarks call: the Python processes of TestMain.
var (
	api   pluginapiv1.PluginAPIClient
	hooks pluginapiv1.PluginHooksClient
)

func TestMain(m *testing.M) {
	os.Exit(runBesidePython(m))
}

func runBesidePython(m *testing.M) int {
	standIn, err := startStandIn()
	if err != nil {
		fmt.Fprintln(os.Stderr, "the stand-in for the API:", err)
		return 1
	}
	defer standIn.stop()
	plugin, err := startPlugin()
	if err != nil {
		fmt.Fprintln(os.Stderr, "the plugin:", err)
		return 1
	}
	defer plugin.stop()
	api = pluginapiv1.NewPluginAPIClient(standIn.conn)
	hooks = pluginapiv1.NewPluginHooksClient(plugin.conn)
	return m.Run()
}

func BenchmarkAPIGetUser(b *testing.B) {
	request := &pluginapiv1.GetUserRequest{UserId: userID}
	measure(b, func(ctx context.Context) error {
		response, err := api.GetUser(ctx, request)
		if err == nil && response.GetUser().GetId() != userID {
			err = fmt.Errorf("not the user that was asked for: %v", response)
		}
		return err
	})
}

func BenchmarkAPICreatePost(b *testing.B) {
	props, err := structpb.NewStruct(map[string]interface{}{"from_plugin": "true", "priority": 2})
	if err != nil {
		b.Fatal(err)
	}
	request := &pluginapiv1.CreatePostRequest{Post: &pluginapiv1.Post{
		UserId:    userID,
		ChannelId: "q5m8hc1wz7ydbfk4g3xj9nr6to",
		Message:   "The nightly build is ready: 412 tests passed in 96 seconds. #builds",
		Props:     props,
		Hashtags:  "#builds",
	}}
	measure(b, func(ctx context.Context) error {
		response, err := api.CreatePost(ctx, request)
		if err == nil && (response.GetPost().GetId() == "" || response.Post.Message != request.Post.Message) {
			err = fmt.Errorf("not the post with an id: %v", response)
		}
		return err
	})
}

func BenchmarkHookInvocation(b *testing.B) {
	request := &pluginapiv1.OnConfigurationChangeRequest{}
	measure(b, func(ctx context.Context) error {
		response, err := hooks.OnConfigurationChange(ctx, request)
		if err == nil && response.GetError() != nil {
			err = fmt.Errorf("the hook failed: %v", response.Error)
		}
		return err
	})
}

func BenchmarkServeHTTP(b *testing.B) {
	b.Run("Get", func(b *testing.B) {
		request := []*pluginapiv1.ServeHTTPRequest{
			{Init: head(step{Method: "GET", URL: "/json"}), BodyComplete: true},
		}
		measureHTTP(b, request, []byte(`{"hello":"world"}`))
	})
	b.Run("Echo64KiB", func(b *testing.B) {
		body := bytes.Repeat([]byte("0123456789abcdef"), chunkSize/16)
		request := []*pluginapiv1.ServeHTTPRequest{
			{Init: head(step{Method: "POST", URL: "/echo"}), BodyChunk: body},
			{BodyComplete: true},
		}
		b.SetBytes(int64(len(body)))
		measureHTTP(b, request, body)
	})
}

func measureHTTP(b *testing.B, request []*pluginapiv1.ServeHTTPRequest, want []byte) {
	measure(b, func(ctx context.Context) error {
		body, err := exchange(ctx, request)
		if err == nil && !bytes.Equal(body, want) {
			err = fmt.Errorf("%d bytes of another body came", len(body))
		}
		return err
	})
}

// exchange makes one ServeHTTP call and gives the body of the response.
func exchange(ctx context.Context, request []*pluginapiv1.ServeHTTPRequest) ([]byte, error) {
	stream, err := hooks.ServeHTTP(ctx)
	if err != nil {
		return nil, err
	}
	for _, message := range request {
		if err := stream.Send(message); err != nil {
			return nil, err
		}
	}
	if err := stream.CloseSend(); err != nil {
		return nil, err
	}
	return receive(stream)
}

func receive(stream pluginapiv1.PluginHooks_ServeHTTPClient) ([]byte, error) {
	var body []byte
	complete := false
	for {
		message, err := stream.Recv()
		if err == io.EOF && complete {
			return body, nil
		}
		if err != nil {
			return nil, err
		}
		if init := message.Init; init != nil && init.StatusCode != 200 {
			return nil, fmt.Errorf("the plugin answered with status %d", init.StatusCode)
		}
		body = append(body, message.BodyChunk...)
		complete = message.BodyComplete
	}
}

// measure repeats a call, one at a time, and reports how long half, most and nearly all of the calls took at most.
func measure(b *testing.B, call func(context.Context) error) {
	b.Helper()
	took := make([]time.Duration, b.N)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range took {
		began := time.Now()
		if err := bounded(call); err != nil {
			b.Fatal(err)
		}
		took[i] = time.Since(began)
	}
	b.StopTimer()
	sort.Slice(took, func(i, j int) bool { return took[i] < took[j] })
	for _, percent := range []int{50, 95, 99} {
		b.ReportMetric(float64(percentile(took, percent)), fmt.Sprintf("p%d-ns/op", percent))
	}
}

func bounded(call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	return call(ctx)
}

// percentile is the smallest of the sorted values that so many percent of them do not exceed.
func percentile(sorted []time.Duration, percent int) time.Duration {
	return sorted[(len(sorted)*percent+99)/100-1]
}
