package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"spliceway.example/interop/gen/kvv1"
	"spliceway.example/interop/gen/usersv1"
)

const (
	largePhotoBytes = 1 << 20
	streamedUsers   = 500
	callTimeout     = 20 * time.Second
)

// callUsers makes every kind of call once, on one connection, and prints what came back.
func callUsers(arguments []string) {
	connection := dial(arguments[0])
	defer connection.Close()
	client := usersv1.NewUsersClient(connection)
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()

	unary, err := client.AddUser(ctx, &usersv1.AddUserRequest{User: &usersv1.User{Name: "Ada"}})
	must(err)

	stream, err := client.GetUsers(ctx, &usersv1.GetUsersRequest{Count: streamedUsers})
	must(err)
	var names []string
	for {
		user, err := stream.Recv()
		if err == io.EOF {
			break
		}
		must(err)
		names = append(names, user.GetName())
	}

	photo := bytes.Repeat([]byte("spliceway-photo\n"), largePhotoBytes/16)
	large, err := client.AddUser(ctx, &usersv1.AddUserRequest{User: &usersv1.User{Name: "Grace", Photo: photo}})
	must(err)
	digest := sha256.Sum256(large.GetUser().GetPhoto())

	_, failure := client.AddUser(ctx, &usersv1.AddUserRequest{User: &usersv1.User{}})

	var header, trailer metadata.MD
	trace := string([]byte{0, 1, 2, 127, 128, 253, 254, 255})
	_, err = client.AddUser(metadata.AppendToOutgoingContext(ctx, "trace-bin", trace),
		&usersv1.AddUserRequest{User: &usersv1.User{Name: "Ada"}}, grpc.Header(&header), grpc.Trailer(&trailer))
	must(err)

	answer(map[string]any{
		"unary":  map[string]any{"id": unary.GetUser().GetId(), "name": unary.GetUser().GetName()},
		"stream": map[string]any{"count": len(names), "first": names[0], "last": names[len(names)-1]},
		"large":  map[string]any{"bytes": len(large.GetUser().GetPhoto()), "sha256": hex.EncodeToString(digest[:])},
		"error":  map[string]any{"code": status.Code(failure), "message": status.Convert(failure).Message()},
		"binary": map[string]any{
			"initial":  hex.EncodeToString([]byte(strings.Join(header["trace-bin"], ","))),
			"trailing": hex.EncodeToString([]byte(strings.Join(trailer["trace-bin"], ","))),
		},
	})
}

func addUsers(arguments []string) {
	connection := dial(arguments[0])
	defer connection.Close()
	client := usersv1.NewUsersClient(connection)
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	calls := number(arguments[1])
	for range calls {
		added, err := client.AddUser(ctx, &usersv1.AddUserRequest{User: &usersv1.User{Name: "Ada"}})
		must(err)
		if added.GetUser().GetId() != 3 {
			log.Fatalf("AddUser answered %v", added)
		}
	}
	answer(map[string]any{"ok": calls})
}

// exerciseKeyValue writes, reads back, deletes and misses every key, over several connections.
func exerciseKeyValue(arguments []string) {
	target, namespace := arguments[0], arguments[1]
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	ctx = metadata.AppendToOutgoingContext(ctx, "x-prism-namespace", namespace)
	operations, stores := 0, map[string]int{}
	for channel := range number(arguments[2]) {
		connection := dial(target)
		client := kvv1.NewKeyValueClient(connection)
		for index := range number(arguments[3]) {
			key := fmt.Sprintf("go-%d-%d", channel, index)
			value := namespace + "/" + key
			_, err := client.Set(ctx, &kvv1.SetRequest{Key: key, Value: []byte(value)})
			must(err)
			got, err := client.Get(ctx, &kvv1.GetRequest{Key: key})
			must(err)
			if string(got.GetValue()) != value {
				log.Fatalf("%s: wrote %q, read %q", key, value, got.GetValue())
			}
			stores[got.GetStore()]++
			deleted, err := client.Delete(ctx, &kvv1.DeleteRequest{Key: key})
			must(err)
			_, err = client.Get(ctx, &kvv1.GetRequest{Key: key})
			if !deleted.GetExisted() || status.Code(err) != codes.NotFound {
				log.Fatalf("%s: deleted=%v, then %v", key, deleted.GetExisted(), err)
			}
			operations += 4
		}
		must(connection.Close())
	}
	answer(map[string]any{"operations": operations, "stores": stores})
}

// probe makes one call that may fail and prints its status.
func probe(arguments []string) {
	connection := dial(arguments[0])
	defer connection.Close()
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	for _, pair := range arguments[1:] {
		name, value, _ := strings.Cut(pair, "=")
		ctx = metadata.AppendToOutgoingContext(ctx, name, value)
	}
	_, err := kvv1.NewKeyValueClient(connection).Delete(ctx, &kvv1.DeleteRequest{Key: "absent"})
	answer(map[string]any{"code": status.Code(err), "message": status.Convert(err).Message()})
}

func dial(target string) *grpc.ClientConn {
	connection, err := grpc.NewClient("passthrough:///"+target, grpc.WithTransportCredentials(insecure.NewCredentials()))
	must(err)
	return connection
}

func number(argument string) int {
	value, err := strconv.Atoi(argument)
	must(err)
	return value
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
