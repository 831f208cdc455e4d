package main

import (
	"bytes"
	"context"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/h2c"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"

	"spliceway.example/interop/gen/matrixv1"
)

const messageBytes = 4 << 20

func serveMatrix([]string) {
	listener := listen()
	server := matrixServer(grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{
		MinTime:             10 * time.Millisecond,
		PermitWithoutStream: true,
	}))
	announce(listener)
	go func() {
		await(syscall.SIGTERM)
		server.Stop()
	}()
	if err := server.Serve(listener); err != nil {
		log.Fatal(err)
	}
}

// serveMatrixH2C is the same service on net/http's HTTP/2 server, whose frames are another implementation's.
func serveMatrixH2C([]string) {
	listener := listen()
	server := &http.Server{Handler: h2c.NewHandler(matrixServer(), &http2.Server{})}
	announce(listener)
	go func() {
		await(syscall.SIGTERM)
		must(server.Close())
	}()
	if err := server.Serve(listener); err != http.ErrServerClosed {
		log.Fatal(err)
	}
}

func matrixServer(options ...grpc.ServerOption) *grpc.Server {
	server := grpc.NewServer(append(options, grpc.MaxRecvMsgSize(messageBytes+1024))...)
	matrixv1.RegisterMatrixServer(server, matrix{})
	reflection.Register(server)
	return server
}

func await(signals ...os.Signal) {
	arrived := make(chan os.Signal, 1)
	signal.Notify(arrived, signals...)
	<-arrived
}

type matrix struct {
	matrixv1.UnimplementedMatrixServer
}

func (matrix) Unary(ctx context.Context, request *matrixv1.Request) (*matrixv1.Response, error) {
	if err := wait(ctx, request); err != nil {
		return nil, err
	}
	if request.GetStatus() != 0 {
		return nil, status.Error(codes.Code(request.GetStatus()), request.GetMessage())
	}
	if incoming, _ := metadata.FromIncomingContext(ctx); len(incoming["trace-bin"]) > 0 {
		trace := metadata.Pairs("trace-bin", incoming["trace-bin"][0])
		if err := grpc.SetHeader(ctx, trace); err != nil {
			return nil, err
		}
		if err := grpc.SetTrailer(ctx, trace); err != nil {
			return nil, err
		}
	}
	return &matrixv1.Response{Payload: request.GetPayload()}, nil
}

func (matrix) ServerStream(request *matrixv1.Request, stream grpc.ServerStreamingServer[matrixv1.Response]) error {
	for index := range request.GetCount() {
		if index > 0 {
			if err := wait(stream.Context(), request); err != nil {
				return err
			}
		}
		if err := stream.Send(&matrixv1.Response{Payload: request.GetPayload(), Number: index}); err != nil {
			return err
		}
	}
	return nil
}

func (matrix) ClientStream(stream grpc.ClientStreamingServer[matrixv1.Request, matrixv1.Response]) error {
	var payloads bytes.Buffer
	var number uint32
	for {
		request, err := stream.Recv()
		if err == io.EOF {
			return stream.SendAndClose(&matrixv1.Response{Payload: payloads.Bytes(), Number: number})
		}
		if err != nil {
			return err
		}
		payloads.Write(request.GetPayload())
		number++
	}
}

func (matrix) BidiStream(stream grpc.BidiStreamingServer[matrixv1.Request, matrixv1.Response]) error {
	for number := uint32(0); ; number++ {
		request, err := stream.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := stream.Send(&matrixv1.Response{Payload: request.GetPayload(), Number: number}); err != nil {
			return err
		}
	}
}

func wait(ctx context.Context, request *matrixv1.Request) error {
	select {
	case <-ctx.Done():
		return status.FromContextError(ctx.Err()).Err()
	case <-time.After(time.Duration(request.GetWaitMilliseconds()) * time.Millisecond):
		return nil
	}
}
