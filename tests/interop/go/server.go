package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"sync"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/h2c"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"

	"spliceway.example/interop/gen/kvv1"
	"spliceway.example/interop/gen/usersv1"
)

func serveGRPC(arguments []string) {
	listener := listen()
	server := grpc.NewServer()
	usersv1.RegisterUsersServer(server, users{})
	kvv1.RegisterKeyValueServer(server, &keyValue{name: arguments[0], values: map[string][]byte{}})
	reflection.Register(server)
	announce(listener)
	log.Fatal(server.Serve(listener))
}

// Both ways into HTTP/2 over cleartext: prior knowledge and `Upgrade: h2c`.
func serveH2C([]string) {
	listener := listen()
	handler := http.HandlerFunc(func(writer http.ResponseWriter, request *http.Request) {
		fmt.Fprintf(writer, "%s %s\n", request.Method, request.URL.Path)
	})
	announce(listener)
	log.Fatal(http.Serve(listener, h2c.NewHandler(handler, &http2.Server{})))
}

type users struct {
	usersv1.UnimplementedUsersServer
}

func (users) AddUser(ctx context.Context, request *usersv1.AddUserRequest) (*usersv1.AddUserResponse, error) {
	if incoming, _ := metadata.FromIncomingContext(ctx); len(incoming["trace-bin"]) > 0 {
		trace := metadata.Pairs("trace-bin", incoming["trace-bin"][0])
		if err := grpc.SetHeader(ctx, trace); err != nil {
			return nil, err
		}
		if err := grpc.SetTrailer(ctx, trace); err != nil {
			return nil, err
		}
	}
	user := request.GetUser()
	if user.GetName() == "" {
		return nil, status.Error(codes.InvalidArgument, "a user needs a name — \"name\" is empty")
	}
	user.Id = uint64(len(user.GetName()))
	return &usersv1.AddUserResponse{User: user}, nil
}

func (users) GetUsers(request *usersv1.GetUsersRequest, stream grpc.ServerStreamingServer[usersv1.User]) error {
	for id := uint64(1); id <= uint64(request.GetCount()); id++ {
		if err := stream.Send(&usersv1.User{Id: id, Name: fmt.Sprintf("user-%d", id)}); err != nil {
			return err
		}
	}
	return nil
}

type keyValue struct {
	kvv1.UnimplementedKeyValueServer
	name   string
	mutex  sync.Mutex
	values map[string][]byte
}

func (store *keyValue) Set(_ context.Context, request *kvv1.SetRequest) (*kvv1.SetResponse, error) {
	store.mutex.Lock()
	defer store.mutex.Unlock()
	_, replaced := store.values[request.GetKey()]
	store.values[request.GetKey()] = request.GetValue()
	return &kvv1.SetResponse{Replaced: replaced}, nil
}

func (store *keyValue) Get(_ context.Context, request *kvv1.GetRequest) (*kvv1.GetResponse, error) {
	store.mutex.Lock()
	defer store.mutex.Unlock()
	value, exists := store.values[request.GetKey()]
	if !exists {
		return nil, status.Errorf(codes.NotFound, "%s holds no %s", store.name, request.GetKey())
	}
	return &kvv1.GetResponse{Value: value, Store: store.name}, nil
}

func (store *keyValue) Delete(_ context.Context, request *kvv1.DeleteRequest) (*kvv1.DeleteResponse, error) {
	store.mutex.Lock()
	defer store.mutex.Unlock()
	_, existed := store.values[request.GetKey()]
	delete(store.values, request.GetKey())
	return &kvv1.DeleteResponse{Existed: existed}, nil
}
