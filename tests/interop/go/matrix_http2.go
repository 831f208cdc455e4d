package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"spliceway.example/interop/gen/matrixv1"
)

// webClient is net/http's HTTP/2 client, which knows nothing of gRPC: messages are framed by hand.
type webClient struct {
	http.Client
	transport *http2.Transport
	dials     atomic.Int64
	origin    string
}

var webScenarios = map[string]func(context.Context, *webClient) (outcome, error){
	"unary":           webUnary,
	"server_stream":   webServerStream,
	"client_stream":   webClientStream,
	"bidi":            webBidi,
	"megabyte":        webMegabyte,
	"hundred_streams": webHundredStreams,
	"trailers_only":   webTrailersOnly,
	"cancel":          webCancel,
	"deadline":        webDeadline,
	"keepalive":       webKeepalive,
	"idle":            webIdle,
	"metadata_bin":    webMetadata,
	"get":             webGet,
	"get_megabyte":    webGetMegabyte,
	"hundred_gets":    webHundredGets,
	"idle_get":        webIdleGet,
}

// fetchMatrix runs each scenario on a connection of its own and prints an outcome for each.
func fetchMatrix(arguments []string) {
	if arguments[0] == "list" {
		list(slices.Sorted(maps.Keys(webScenarios)))
		return
	}
	for _, name := range strings.Split(arguments[0], ",") {
		client := newWebClient(arguments[1])
		ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
		result, err := webScenarios[name](ctx, client)
		if result == nil {
			result = outcome{}
		}
		if err != nil {
			result["code"], result["message"] = webFailure(err)
		}
		result["scenario"] = name
		answer(result)
		cancel()
		client.transport.CloseIdleConnections()
	}
}

func newWebClient(address string) *webClient {
	client := &webClient{origin: "http://" + address}
	client.transport = &http2.Transport{
		AllowHTTP:                  true,
		StrictMaxConcurrentStreams: true,
		DialTLSContext: func(ctx context.Context, network, address string, _ *tls.Config) (net.Conn, error) {
			client.dials.Add(1)
			return (&net.Dialer{}).DialContext(ctx, network, address)
		},
	}
	client.Client.Transport = client.transport
	return client
}

// webFailure is the gRPC status of a call that its own caller ended, else the error's text.
func webFailure(err error) (codes.Code, string) {
	var wrong statusError
	switch {
	case errors.As(err, &wrong):
		return wrong.code, wrong.message
	case errors.Is(err, context.Canceled):
		return codes.Canceled, ""
	case errors.Is(err, context.DeadlineExceeded):
		return codes.DeadlineExceeded, ""
	default:
		return codes.Unknown, err.Error()
	}
}

type statusError struct {
	code    codes.Code
	message string
}

func (wrong statusError) Error() string {
	return fmt.Sprintf("grpc-status %d: %s", wrong.code, wrong.message)
}

func (client *webClient) request(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, client.origin+path, body)
	must(err)
	for _, pair := range extraMetadata() {
		request.Header.Add(pair[0], pair[1])
	}
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/grpc")
		request.Header.Set("Te", "trailers")
	}
	if trace, ok := ctx.Value(traceKey{}).(string); ok {
		request.Header.Set("Trace-Bin", trace)
	}
	return client.Do(request)
}

// call posts whole messages and reads all answers.
func (client *webClient) call(ctx context.Context, method string, requests ...*matrixv1.Request) ([]*matrixv1.Response, *http.Response, error) {
	var body bytes.Buffer
	for _, request := range requests {
		body.Write(framed(request))
	}
	response, err := client.request(ctx, http.MethodPost, "/matrix.v1.Matrix/"+method, &body)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	var messages []*matrixv1.Response
	for {
		message, err := receive(response)
		if err == io.EOF {
			return messages, response, statusOf(response)
		}
		if err != nil {
			return messages, response, err
		}
		messages = append(messages, message)
	}
}

func framed(request *matrixv1.Request) []byte {
	message, err := proto.Marshal(request)
	must(err)
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)
}

// receive reads one message; io.EOF is the end behind the last.
func receive(response *http.Response) (*matrixv1.Response, error) {
	var prefix [5]byte
	if _, err := io.ReadFull(response.Body, prefix[:]); err != nil {
		return nil, err
	}
	payload := make([]byte, binary.BigEndian.Uint32(prefix[1:]))
	if _, err := io.ReadFull(response.Body, payload); err != nil {
		return nil, err
	}
	message := &matrixv1.Response{}
	return message, proto.Unmarshal(payload, message)
}

func statusOf(response *http.Response) error {
	fields := response.Trailer
	if response.Header.Get("Grpc-Status") != "" {
		fields = response.Header
	}
	code, err := strconv.Atoi(fields.Get("Grpc-Status"))
	if err != nil {
		return fmt.Errorf("HTTP status %d, grpc-status %q", response.StatusCode, fields.Get("Grpc-Status"))
	}
	if code != 0 {
		message, err := url.PathUnescape(fields.Get("Grpc-Message"))
		if err != nil {
			return err
		}
		return statusError{codes.Code(code), message}
	}
	return nil
}

func good(response *http.Response, result outcome) outcome {
	result["code"], result["message"], result["http"] = 0, "", response.StatusCode
	return result
}

func (client *webClient) one(ctx context.Context, request *matrixv1.Request, show func([]byte) outcome) (outcome, error) {
	messages, response, err := client.call(ctx, "Unary", request)
	if err != nil {
		return nil, err
	}
	return good(response, show(messages[0].GetPayload())), nil
}

func text(payload []byte) outcome { return outcome{"payload": string(payload)} }

func digest(payload []byte) outcome {
	digest := sha256.Sum256(payload)
	return outcome{"length": len(payload), "sha256": hex.EncodeToString(digest[:])}
}

func webUnary(ctx context.Context, client *webClient) (outcome, error) {
	return client.one(ctx, &matrixv1.Request{Payload: []byte("hello")}, text)
}

func webMegabyte(ctx context.Context, client *webClient) (outcome, error) {
	return client.one(ctx, &matrixv1.Request{Payload: megabyte()}, digest)
}

func webTrailersOnly(ctx context.Context, client *webClient) (outcome, error) {
	return client.one(ctx, &matrixv1.Request{Status: 5, Message: "no such thing"}, text)
}

func webDeadline(ctx context.Context, client *webClient) (outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	return client.one(ctx, &matrixv1.Request{Payload: []byte("late"), WaitMilliseconds: 5000}, text)
}

// A connection exists from its first call on, so the idle time lies between two.
func webIdle(ctx context.Context, client *webClient) (outcome, error) {
	if _, err := webUnary(ctx, client); err != nil {
		return nil, err
	}
	time.Sleep(idleTime)
	result, err := webUnary(ctx, client)
	if err == nil {
		result["connections"] = client.dials.Load()
	}
	return result, err
}

type traceKey struct{}

func webMetadata(ctx context.Context, client *webClient) (outcome, error) {
	trace := base64.RawStdEncoding.EncodeToString([]byte("\x00\xff\x80\x2c\x0a"))
	ctx = context.WithValue(ctx, traceKey{}, trace)
	_, response, err := client.call(ctx, "Unary", &matrixv1.Request{Payload: []byte("trace")})
	if err != nil {
		return nil, err
	}
	result := outcome{}
	for name, fields := range map[string]http.Header{"initial": response.Header, "trailing": response.Trailer} {
		// Padding is optional.
		value, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(fields.Get("Trace-Bin"), "="))
		if err != nil {
			return nil, err
		}
		result[name] = hex.EncodeToString(value)
	}
	return good(response, result), nil
}

func webServerStream(ctx context.Context, client *webClient) (outcome, error) {
	messages, response, err := client.call(ctx, "ServerStream", &matrixv1.Request{Payload: []byte("s"), Count: 10})
	if err != nil {
		return nil, err
	}
	numbers, payloads := []uint32{}, 0
	for _, message := range messages {
		numbers = append(numbers, message.GetNumber())
		if string(message.GetPayload()) == "s" {
			payloads++
		}
	}
	return good(response, outcome{"numbers": numbers, "payloads": payloads}), nil
}

func webClientStream(ctx context.Context, client *webClient) (outcome, error) {
	var requests []*matrixv1.Request
	for _, payload := range []string{"a", "b", "c"} {
		requests = append(requests, &matrixv1.Request{Payload: []byte(payload)})
	}
	messages, response, err := client.call(ctx, "ClientStream", requests...)
	if err != nil {
		return nil, err
	}
	return good(response, outcome{"payload": string(messages[0].GetPayload()), "number": messages[0].GetNumber()}), nil
}

func webCancel(ctx context.Context, client *webClient) (outcome, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	body := bytes.NewReader(framed(&matrixv1.Request{Payload: []byte("c"), Count: 1000, WaitMilliseconds: 50}))
	response, err := client.request(ctx, http.MethodPost, "/matrix.v1.Matrix/ServerStream", body)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if _, err := receive(response); err != nil {
		return nil, err
	}
	cancel()
	for err == nil {
		_, err = receive(response)
	}
	return outcome{"received": 1, "http": response.StatusCode}, err
}

// webStream is a call both of whose directions stay open.
type webStream struct {
	requests *io.PipeWriter
	response *http.Response
}

// openStream sends the first message with the request: a server may answer nothing, not even HEADERS, before it.
func (client *webClient) openStream(ctx context.Context) (*webStream, error) {
	reader, writer := io.Pipe()
	// The write fails only together with the request, which says why.
	go func() { _, _ = writer.Write(framed(&matrixv1.Request{Payload: []byte("ping")})) }()
	response, err := client.request(ctx, http.MethodPost, "/matrix.v1.Matrix/BidiStream", reader)
	if err != nil {
		return nil, err
	}
	return &webStream{writer, response}, nil
}

func (stream *webStream) pingPong() (*matrixv1.Response, error) {
	if _, err := stream.requests.Write(framed(&matrixv1.Request{Payload: []byte("ping")})); err != nil {
		return nil, err
	}
	return receive(stream.response)
}

func (stream *webStream) finish() error {
	must(stream.requests.Close())
	defer stream.response.Body.Close()
	if _, err := receive(stream.response); err != io.EOF {
		return fmt.Errorf("not the end: %w", err)
	}
	return statusOf(stream.response)
}

func webBidi(ctx context.Context, client *webClient) (outcome, error) {
	stream, err := client.openStream(ctx)
	if err != nil {
		return nil, err
	}
	first, err := receive(stream.response)
	if err != nil {
		return nil, err
	}
	numbers := []uint32{first.GetNumber()}
	for len(numbers) < 10 {
		message, err := stream.pingPong()
		if err != nil {
			return nil, err
		}
		numbers = append(numbers, message.GetNumber())
	}
	return good(stream.response, outcome{"numbers": numbers}), stream.finish()
}

func webHundredStreams(ctx context.Context, client *webClient) (outcome, error) {
	streams := make([]*webStream, 100)
	for index := range streams {
		var err error
		if streams[index], err = client.openStream(ctx); err != nil {
			return nil, err
		}
		if _, err = receive(streams[index].response); err != nil {
			return nil, err
		}
	}
	for _, stream := range streams {
		if err := stream.finish(); err != nil {
			return nil, err
		}
	}
	return good(streams[0].response, outcome{"finished": len(streams), "connections": client.dials.Load()}), nil
}

func webKeepalive(ctx context.Context, client *webClient) (outcome, error) {
	client.transport.ReadIdleTimeout = 100 * time.Millisecond
	stream, err := client.openStream(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := receive(stream.response); err != nil {
		return nil, err
	}
	time.Sleep(350 * time.Millisecond)
	if _, err := stream.pingPong(); err != nil {
		return outcome{"alive": false}, err
	}
	return good(stream.response, outcome{"alive": true}), stream.finish()
}

func (client *webClient) get(ctx context.Context, path string, show func([]byte) outcome) (outcome, error) {
	response, err := client.request(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	result := show(body)
	result["code"], result["message"], result["http"] = nil, "", response.StatusCode
	return result, nil
}

func webGet(ctx context.Context, client *webClient) (outcome, error) {
	return client.get(ctx, "/hello", text)
}

func webGetMegabyte(ctx context.Context, client *webClient) (outcome, error) {
	return client.get(ctx, "/megabyte", digest)
}

func webIdleGet(ctx context.Context, client *webClient) (outcome, error) {
	if _, err := webGet(ctx, client); err != nil {
		return nil, err
	}
	time.Sleep(idleTime)
	result, err := webGet(ctx, client)
	if err == nil {
		result["connections"] = client.dials.Load()
	}
	return result, err
}

func webHundredGets(ctx context.Context, client *webClient) (outcome, error) {
	var group sync.WaitGroup
	var finished atomic.Int64
	for range 100 {
		group.Go(func() {
			if result, err := webGet(ctx, client); err == nil && result["payload"] == "hello" {
				finished.Add(1)
			}
		})
	}
	group.Wait()
	return outcome{"code": nil, "message": "", "finished": finished.Load(), "connections": client.dials.Load()}, nil
}
