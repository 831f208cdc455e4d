package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"

	"spliceway.example/interop/gen/usersv1"
)

const largeBodyBytes = 8 << 20

// serveHTTPS answers over TLS with HTTP/2 or HTTP/1.1, as the client likes: who it is, and what it was asked with.
func serveHTTPS(arguments []string) {
	listener := listen()
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(writer http.ResponseWriter, request *http.Request) {
		fmt.Fprintf(writer, "%s %s %s", arguments[0], request.Proto, request.TLS.ServerName)
	})
	mux.HandleFunc("/large", func(writer http.ResponseWriter, _ *http.Request) {
		_, err := io.CopyN(writer, strings.NewReader(strings.Repeat("spliceway-large\n", largeBodyBytes/16)), largeBodyBytes)
		must(err)
	})
	announce(listener)
	log.Fatal((&http.Server{Handler: mux}).ServeTLS(listener, arguments[1], arguments[2]))
}

// handshake makes one TLS handshake as crypto/tls does by default, and prints what came of it.
func handshake(arguments []string) {
	connection, err := net.Dial("tcp", arguments[0])
	must(err)
	defer connection.Close()
	client := tls.Client(connection, trusting(arguments[1], arguments[2], arguments[3:]...))
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	if err := client.HandshakeContext(ctx); err != nil {
		answer(map[string]any{"error": err.Error()})
		return
	}
	state := client.ConnectionState()
	answer(map[string]any{
		"certificate": fingerprint(state),
		"alpn":        state.NegotiatedProtocol,
		"group":       state.CurveID.String(),
		"retried":     state.HelloRetryRequest,
	})
}

// serveGRPCOverTLS is the server of users with transport credentials.
func serveGRPCOverTLS(arguments []string) {
	listener := listen()
	transport, err := credentials.NewServerTLSFromFile(arguments[0], arguments[1])
	must(err)
	server := grpc.NewServer(grpc.Creds(transport))
	usersv1.RegisterUsersServer(server, users{})
	announce(listener)
	log.Fatal(server.Serve(listener))
}

// callOverTLS makes calls on one connection with transport credentials; only the certificate in the file is trusted.
func callOverTLS(arguments []string) {
	transport := credentials.NewTLS(trusting(arguments[1], arguments[2]))
	connection, err := grpc.NewClient("passthrough:///"+arguments[0], grpc.WithTransportCredentials(transport))
	must(err)
	defer connection.Close()
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	client := usersv1.NewUsersClient(connection)
	var other peer.Peer
	added, err := client.AddUser(ctx, &usersv1.AddUserRequest{User: &usersv1.User{Name: "Ada"}}, grpc.Peer(&other))
	must(err)
	stream, err := client.GetUsers(ctx, &usersv1.GetUsersRequest{Count: streamedUsers})
	must(err)
	count := 0
	for {
		if _, err := stream.Recv(); err == io.EOF {
			break
		} else {
			must(err)
		}
		count++
	}
	answer(map[string]any{
		"id":          added.GetUser().GetId(),
		"streamed":    count,
		"certificate": fingerprint(other.AuthInfo.(credentials.TLSInfo).State),
	})
}

// trusting is a configuration that trusts one self-signed certificate.
func trusting(name, file string, protocols ...string) *tls.Config {
	certificate, err := os.ReadFile(file)
	must(err)
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(certificate) {
		log.Fatalf("no certificate in %s", file)
	}
	return &tls.Config{ServerName: name, RootCAs: roots, NextProtos: protocols}
}

func fingerprint(state tls.ConnectionState) string {
	digest := sha256.Sum256(state.PeerCertificates[0].Raw)
	return hex.EncodeToString(digest[:])
}
