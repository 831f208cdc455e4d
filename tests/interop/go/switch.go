package main

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"spliceway.example/interop/gen/kvv1"
)

const switchedCalls = 20

// switchNamespaces makes calls on one channel that change their namespace now and then, and prints which store answered
// and what went wrong.
func switchNamespaces(arguments []string) {
	connection := dial(arguments[0])
	defer connection.Close()
	client := kvv1.NewKeyValueClient(connection)
	stores, failures := map[string]int{}, []string{}
	for index := range number(arguments[1]) {
		namespace := []string{"alpha", "beta"}[index/switchedCalls%2]
		ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
		ctx = metadata.AppendToOutgoingContext(ctx, "x-prism-namespace", namespace)
		got, err := client.Get(ctx, &kvv1.GetRequest{Key: "known"}, grpc.WaitForReady(true))
		cancel()
		if err == nil {
			stores[fmt.Sprintf("%s by %s", namespace, got.GetStore())]++
		} else {
			failures = append(failures, fmt.Sprintf("%d: %v", index, err))
		}
		time.Sleep(time.Duration(number(arguments[2])) * time.Millisecond)
	}
	answer(map[string]any{"stores": stores, "failures": failures})
}
