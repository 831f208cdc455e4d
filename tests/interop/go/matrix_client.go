package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"spliceway.example/interop/gen/matrixv1"
)

const (
	// What grpc-go raises every shorter time to, and a stay that sees one PING.
	keepaliveTime = 10 * time.Second
	keepaliveStay = keepaliveTime + time.Second
	idleTime      = 3 * time.Second
	deadline      = time.Second
)

type outcome = map[string]any

type scenario func(context.Context, matrixv1.MatrixClient) (outcome, error)

var matrixScenarios = map[string]scenario{
	"unary":           matrixUnary,
	"server_stream":   matrixServerStream,
	"client_stream":   matrixClientStream,
	"bidi":            matrixBidi,
	"megabyte":        matrixMegabyte,
	"hundred_streams": matrixHundredStreams,
	"trailers_only":   matrixTrailersOnly,
	"cancel":          matrixCancel,
	"deadline":        matrixDeadline,
	"keepalive":       matrixKeepalive,
	"idle":            matrixUnary,
	"metadata_bin":    matrixMetadata,
}

// callMatrix runs each scenario on a channel of its own and prints an outcome for each.
func callMatrix(arguments []string) {
	if arguments[0] == "list" {
		list(slices.Sorted(maps.Keys(matrixScenarios)))
		return
	}
	for _, name := range strings.Split(arguments[0], ",") {
		connection := dialMatrix(arguments[1], name == "keepalive")
		ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
		for _, pair := range extraMetadata() {
			ctx = metadata.AppendToOutgoingContext(ctx, pair[0], pair[1])
		}
		switch name {
		case "idle":
			awaitReady(ctx, connection)
			time.Sleep(idleTime)
		case "deadline":
			// The deadline is to end a call, not a connection that is being made.
			awaitReady(ctx, connection)
		}
		result, err := matrixScenarios[name](ctx, matrixv1.NewMatrixClient(connection))
		if result == nil {
			result = outcome{}
		}
		result["scenario"], result["code"] = name, status.Code(err)
		result["message"] = status.Convert(err).Message()
		// Libraries word their own deadline as they like.
		if name == "deadline" {
			result["message"] = ""
		}
		answer(result)
		cancel()
		must(connection.Close())
	}
}

func dialMatrix(target string, alive bool) *grpc.ClientConn {
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(messageBytes)),
	}
	if alive {
		options = append(options, grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: keepaliveTime}))
	}
	connection, err := grpc.NewClient("passthrough:///"+target, options...)
	must(err)
	return connection
}

// extraMetadata is what MATRIX_METADATA adds to every call: "name=value,...".
func extraMetadata() (pairs [][2]string) {
	for pair := range strings.SplitSeq(os.Getenv("MATRIX_METADATA"), ",") {
		if name, value, found := strings.Cut(pair, "="); found {
			pairs = append(pairs, [2]string{name, value})
		}
	}
	return pairs
}

func awaitReady(ctx context.Context, connection *grpc.ClientConn) {
	connection.Connect()
	for state := connection.GetState(); state != connectivity.Ready; state = connection.GetState() {
		if !connection.WaitForStateChange(ctx, state) {
			return
		}
	}
}

func matrixUnary(ctx context.Context, client matrixv1.MatrixClient) (outcome, error) {
	response, err := client.Unary(ctx, &matrixv1.Request{Payload: []byte("hello")})
	return outcome{"payload": string(response.GetPayload())}, err
}

func matrixServerStream(ctx context.Context, client matrixv1.MatrixClient) (outcome, error) {
	stream, err := client.ServerStream(ctx, &matrixv1.Request{Payload: []byte("s"), Count: 10})
	if err != nil {
		return nil, err
	}
	numbers, payloads := []uint32{}, 0
	for {
		response, err := stream.Recv()
		if err == io.EOF {
			return outcome{"numbers": numbers, "payloads": payloads}, nil
		}
		if err != nil {
			return nil, err
		}
		numbers = append(numbers, response.GetNumber())
		if string(response.GetPayload()) == "s" {
			payloads++
		}
	}
}

func matrixClientStream(ctx context.Context, client matrixv1.MatrixClient) (outcome, error) {
	stream, err := client.ClientStream(ctx)
	if err != nil {
		return nil, err
	}
	for _, payload := range []string{"a", "b", "c"} {
		// A send that fails says EOF; why stands in the answer.
		if stream.Send(&matrixv1.Request{Payload: []byte(payload)}) != nil {
			break
		}
	}
	response, err := stream.CloseAndRecv()
	return outcome{"payload": string(response.GetPayload()), "number": response.GetNumber()}, err
}

func matrixBidi(ctx context.Context, client matrixv1.MatrixClient) (outcome, error) {
	stream, err := client.BidiStream(ctx)
	if err != nil {
		return nil, err
	}
	numbers := []uint32{}
	for range 10 {
		response, err := pingPong(stream)
		if err != nil {
			return nil, err
		}
		numbers = append(numbers, response.GetNumber())
	}
	return outcome{"numbers": numbers}, finish(stream)
}

func matrixMegabyte(ctx context.Context, client matrixv1.MatrixClient) (outcome, error) {
	response, err := client.Unary(ctx, &matrixv1.Request{Payload: megabyte()})
	digest := sha256.Sum256(response.GetPayload())
	return outcome{"length": len(response.GetPayload()), "sha256": hex.EncodeToString(digest[:])}, err
}

func megabyte() []byte {
	payload := make([]byte, 1<<20)
	for index := range payload {
		payload[index] = byte(index * 7 % 251)
	}
	return payload
}

func matrixHundredStreams(ctx context.Context, client matrixv1.MatrixClient) (outcome, error) {
	streams := make([]bidi, 100)
	for index := range streams {
		var err error
		if streams[index], err = client.BidiStream(ctx); err != nil {
			return nil, err
		}
		if _, err = pingPong(streams[index]); err != nil {
			return nil, err
		}
	}
	for _, stream := range streams {
		if err := finish(stream); err != nil {
			return nil, err
		}
	}
	return outcome{"finished": len(streams)}, nil
}

func matrixTrailersOnly(ctx context.Context, client matrixv1.MatrixClient) (outcome, error) {
	_, err := client.Unary(ctx, &matrixv1.Request{Status: 5, Message: "no such thing"})
	return nil, err
}

func matrixCancel(ctx context.Context, client matrixv1.MatrixClient) (outcome, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := client.ServerStream(ctx, &matrixv1.Request{Payload: []byte("c"), Count: 1000, WaitMilliseconds: 50})
	if err == nil {
		_, err = stream.Recv()
	}
	if err != nil {
		return outcome{"received": 0}, err
	}
	cancel()
	for err == nil {
		_, err = stream.Recv()
	}
	return outcome{"received": 1}, err
}

func matrixDeadline(ctx context.Context, client matrixv1.MatrixClient) (outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	_, err := client.Unary(ctx, &matrixv1.Request{Payload: []byte("late"), WaitMilliseconds: 5000})
	return nil, err
}

func matrixKeepalive(ctx context.Context, client matrixv1.MatrixClient) (outcome, error) {
	stream, err := client.BidiStream(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := pingPong(stream); err != nil {
		return nil, err
	}
	time.Sleep(keepaliveStay)
	if _, err := pingPong(stream); err != nil {
		return outcome{"alive": false}, err
	}
	return outcome{"alive": true}, finish(stream)
}

func matrixMetadata(ctx context.Context, client matrixv1.MatrixClient) (outcome, error) {
	var header, trailer metadata.MD
	ctx = metadata.AppendToOutgoingContext(ctx, "trace-bin", "\x00\xff\x80\x2c\x0a")
	_, err := client.Unary(ctx, &matrixv1.Request{Payload: []byte("trace")}, grpc.Header(&header), grpc.Trailer(&trailer))
	return outcome{
		"initial":  hex.EncodeToString([]byte(strings.Join(header["trace-bin"], ","))),
		"trailing": hex.EncodeToString([]byte(strings.Join(trailer["trace-bin"], ","))),
	}, err
}

type bidi = grpc.BidiStreamingClient[matrixv1.Request, matrixv1.Response]

func pingPong(stream bidi) (*matrixv1.Response, error) {
	// A send that fails says EOF; why stands in the answer.
	if err := stream.Send(&matrixv1.Request{Payload: []byte("ping")}); err != nil && err != io.EOF {
		return nil, err
	}
	return stream.Recv()
}

// finish ends the client's side and waits for the server's status.
func finish(stream bidi) error {
	if err := stream.CloseSend(); err != nil {
		return err
	}
	if _, err := stream.Recv(); err != io.EOF {
		return err
	}
	return nil
}
