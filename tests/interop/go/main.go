// Command interop is the Go side of the interoperability suite: grpc-go and net/http2, both as they ship.
//
// A server prints {"listening":PORT} once it accepts, a client prints one JSON object and exits.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net"
	"os"
)

var commands = map[string]struct {
	usage string
	run   func(arguments []string)
}{
	"grpc-server": {"STORE", serveGRPC},
	"h2c-server":  {"", serveH2C},
	"add":         {"TARGET CALLS", addUsers},
	"users":       {"TARGET", callUsers},
	"keyvalue":    {"TARGET NAMESPACE CHANNELS KEYS", exerciseKeyValue},
	"switch":      {"TARGET CALLS PAUSE_MS", switchNamespaces},
	"probe":       {"TARGET [NAME=VALUE]...", probe},
	"fetch":       {"URL SECONDS [NAME=VALUE]...", fetch},
	"tls-server":  {"NAME CERTIFICATE KEY", serveHTTPS},
	"tls-client":  {"TARGET NAME CERTIFICATE [PROTOCOL]...", handshake},
	"grpcs":       {"CERTIFICATE KEY", serveGRPCOverTLS},
	"grpcs-call":  {"TARGET NAME CERTIFICATE", callOverTLS},

	"matrix-server":     {"", serveMatrix},
	"matrix-h2c-server": {"", serveMatrixH2C},
	"matrix":            {"list | SCENARIO[,SCENARIO]... TARGET", callMatrix},
	"matrix-http2":      {"list | SCENARIO[,SCENARIO]... TARGET", fetchMatrix},
}

func main() {
	if len(os.Args) < 2 {
		usage()
	}
	command, known := commands[os.Args[1]]
	if !known {
		usage()
	}
	command.run(os.Args[2:])
}

func usage() {
	for name, command := range commands {
		fmt.Fprintf(os.Stderr, "usage: interop %s %s\n", name, command.usage)
	}
	os.Exit(2)
}

func listen() net.Listener {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatalf("cannot listen on loopback: %v", err)
	}
	return listener
}

func announce(listener net.Listener) {
	answer(map[string]any{"listening": listener.Addr().(*net.TCPAddr).Port})
}

func list(names []string) {
	must(json.NewEncoder(os.Stdout).Encode(names))
}

func answer(result map[string]any) {
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		log.Fatalf("cannot write the result: %v", err)
	}
}
