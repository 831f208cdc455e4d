package main

import (
	"context"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// fetch makes one GET by net/http with prior knowledge of HTTP/2, which repeats a request that a GOAWAY told it was
// never processed, at once and without end. It prints how many connections that one request cost.
func fetch(arguments []string) {
	var dials atomic.Int64
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{
		Protocols: protocols,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			dials.Add(1)
			return (&net.Dialer{}).DialContext(ctx, network, address)
		},
	}
	client := &http.Client{Transport: transport, Timeout: time.Duration(number(arguments[1])) * time.Second}
	request, err := http.NewRequest(http.MethodGet, arguments[0], nil)
	must(err)
	for _, pair := range arguments[2:] {
		name, value, _ := strings.Cut(pair, "=")
		request.Header.Add(name, value)
	}
	result := map[string]any{}
	response, err := client.Do(request)
	if err != nil {
		result["error"] = err.Error()
	} else {
		must(response.Body.Close())
		result["status"] = response.StatusCode
	}
	transport.CloseIdleConnections()
	result["connections"] = dials.Load()
	answer(result)
}
