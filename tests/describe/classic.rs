//! The classic form of whole connections: the layout of tcp-h2-describe, and every byte in it.

use crate::session::Session;
use crate::support::h2::{self, DATA, END_HEADERS, END_STREAM, HEADERS, block, frame, settings};
use crate::support::{Backend, Peer};

#[test]
fn an_http2_exchange() {
    let backend = Backend::listen();
    let session = Session::start(&backend, &[]);
    let mut client = session.connect();
    client.sends([h2::greeting(), h2::get(1, &[])].concat());
    session.prints("':authority' -> 'api.example'");
    let mut served = backend.accept();
    served.sends([settings(&[(3, 128)]), frame(HEADERS, END_HEADERS, 1, &block(&[(":status", "200")]))].concat());
    session.prints("':status' -> '200'");
    served.sends(frame(DATA, END_STREAM, 1, b"hello"));
    session.prints("68 65 6c 6c 6f");
    client.finishes();
    served.finishes();
    session.note("finished");
    assert_eq!(session.ends(&client), EXCHANGE);
}

const EXCHANGE: &str = r"Starting tcp-h2-describe proxy server on port N
  Proxying server located at BACKEND
Accepted connection from CLIENT
============================================================
client(CLIENT)->proxy->server(BACKEND)

Client Connection Preface = b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
Hexdump (Client Connection Preface) =
   50 52 49 20 2a 20 48 54 54 50 2f 32 2e 30 0d 0a
   0d 0a 53 4d 0d 0a 0d 0a
----------------------------------------
Frame Length = 6 (00 00 06)
Frame Type = SETTINGS (04)
Flags = UNSET (00)
Stream Identifier = 0 (00 00 00 00)
Settings =
   SETTINGS_INITIAL_WINDOW_SIZE:0x4 -> 65535 (00 04 | 00 00 ff ff)
----------------------------------------
Frame Length = 60 (00 00 3c)
Frame Type = HEADERS (01)
Flags = END_STREAM:0x1 | END_HEADERS:0x4 (05)
Stream Identifier = 1 (00 00 00 01)
Headers =
   ':method' -> 'GET'
   ':scheme' -> 'http'
   ':path' -> '/'
   ':authority' -> 'api.example'
Hexdump (Compressed Headers) =
   00 07 3a 6d 65 74 68 6f 64 03 47 45 54 00 07 3a
   73 63 68 65 6d 65 04 68 74 74 70 00 05 3a 70 61
   74 68 01 2f 00 0a 3a 61 75 74 68 6f 72 69 74 79
   0b 61 70 69 2e 65 78 61 6d 70 6c 65
----------------------------------------
============================================================
server(BACKEND)->proxy->client(CLIENT)

Frame Length = 6 (00 00 06)
Frame Type = SETTINGS (04)
Flags = UNSET (00)
Stream Identifier = 0 (00 00 00 00)
Settings =
   SETTINGS_MAX_CONCURRENT_STREAMS:0x3 -> 128 (00 03 | 00 00 00 80)
----------------------------------------
Frame Length = 13 (00 00 0d)
Frame Type = HEADERS (01)
Flags = END_HEADERS:0x4 (04)
Stream Identifier = 1 (00 00 00 01)
Headers =
   ':status' -> '200'
Hexdump (Compressed Headers) =
   00 07 3a 73 74 61 74 75 73 03 32 30 30
----------------------------------------
============================================================
server(BACKEND)->proxy->client(CLIENT)

Frame Length = 5 (00 00 05)
Frame Type = DATA (00)
Flags = END_STREAM:0x1 (01)
Stream Identifier = 1 (00 00 00 01)
Frame Payload =
   b'hello'
Hexdump (Frame Payload) =
   68 65 6c 6c 6f
----------------------------------------
Done redirecting socket for client(CLIENT)->proxy->server(BACKEND)
Done redirecting socket for server(BACKEND)->proxy->client(CLIENT)
Stopping tcp-h2-describe proxy server on port N
Waiting for request handlers to complete...
";

/// A call of the users' service: what the client sends, and what the backend answers.
fn call(session: &Session, client: &mut Peer, served: &mut Option<Peer>, backend: &Backend, stream: u32, step: &Step) {
    let request =
        [h2::call_to(step.path, "users", stream, &[]), frame(DATA, END_STREAM, stream, &message(step.request))];
    let greeting = if served.is_none() { h2::greeting() } else { Vec::new() };
    client.sends([greeting, request.concat()].concat());
    let first = served.is_none();
    session.prints(&format!("Flags = END_STREAM:0x1 (01)\nStream Identifier = {stream} ("));
    let served = served.get_or_insert_with(|| backend.accept());
    let greeting = if first { settings(&[]) } else { Vec::new() };
    let head = block(&[(":status", "200"), ("content-type", "application/grpc")]);
    let messages: Vec<u8> = step.responses.iter().flat_map(|bytes| message(bytes)).collect();
    let answer = [
        frame(HEADERS, END_HEADERS, stream, &head),
        frame(DATA, 0, stream, &messages),
        frame(HEADERS, END_HEADERS | END_STREAM, stream, &block(&[("grpc-status", "0")])),
    ];
    served.sends([greeting, answer.concat()].concat());
    session.prints(&format!("{stream} (00 00 00 {stream:02x})\nHeaders =\n   'grpc-status' -> '0'"));
}

struct Step {
    path: &'static str,
    request: &'static [u8],
    responses: &'static [&'static [u8]],
}

fn message(bytes: &[u8]) -> Vec<u8> {
    [&[0], &u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

#[test]
fn two_users_are_added_and_listed() {
    let backend = Backend::listen();
    let session = Session::start(&backend, &["--proto", "src/cli/demo/users.proto"]);
    let (mut client, mut served) = (session.connect(), None);
    for (stream, step) in (1..).step_by(2).zip(&STEPS) {
        call(&session, &mut client, &mut served, &backend, stream, step);
    }
    client.finishes();
    let mut served = served.unwrap();
    served.receive_all();
    served.finishes();
    session.note("finished");
    let out = session.ends(&client);
    let messages: Vec<&str> = out.split("gRPC Compressed Flag = 0 (00)\n").skip(1).collect();
    let told: Vec<&str> = messages.iter().map(|text| text.split("----").next().unwrap()).collect();
    assert_eq!(told, TOLD);
}

const STEPS: [Step; 3] = [
    Step { path: "/users.v1.Users/AddUser", request: b"\x0a\x03Bob\x12\x05Green", responses: &[b"\x08\x01"] },
    Step { path: "/users.v1.Users/AddUser", request: b"\x0a\x05Alice\x12\x07Redmond", responses: &[b"\x08\x02"] },
    Step {
        path: "/users.v1.Users/GetUsers",
        request: b"",
        responses: &[b"\x08\x01\x12\x03Bob\x1a\x05Green", b"\x08\x02\x12\x05Alice\x1a\x07Redmond"],
    },
];

const TOLD: [&str; 7] = [
    "Protobuf Length = 12 (00 00 00 0c)\nProtobuf Message (users.v1.AddUserRequest) =\n   first_name: \"Bob\"\n   \
     last_name: \"Green\"\nHexdump (Protobuf Message) =\n   0a 03 42 6f 62 12 05 47 72 65 65 6e\n",
    "Protobuf Length = 2 (00 00 00 02)\nProtobuf Message (users.v1.AddUserResponse) =\n   id: 1\n\
     Hexdump (Protobuf Message) =\n   08 01\n",
    "Protobuf Length = 16 (00 00 00 10)\nProtobuf Message (users.v1.AddUserRequest) =\n   first_name: \"Alice\"\n   \
     last_name: \"Redmond\"\nHexdump (Protobuf Message) =\n   0a 05 41 6c 69 63 65 12 07 52 65 64 6d 6f 6e 64\n",
    "Protobuf Length = 2 (00 00 00 02)\nProtobuf Message (users.v1.AddUserResponse) =\n   id: 2\n\
     Hexdump (Protobuf Message) =\n   08 02\n",
    "Protobuf Length = 0 (00 00 00 00)\n",
    "Protobuf Length = 14 (00 00 00 0e)\nProtobuf Message (users.v1.User) =\n   id: 1\n   first_name: \"Bob\"\n   \
     last_name: \"Green\"\nHexdump (Protobuf Message) =\n   08 01 12 03 42 6f 62 1a 05 47 72 65 65 6e\n",
    "Protobuf Length = 18 (00 00 00 12)\nProtobuf Message (users.v1.User) =\n   id: 2\n   first_name: \"Alice\"\n   \
     last_name: \"Redmond\"\nHexdump (Protobuf Message) =\n   08 02 12 05 41 6c 69 63 65 1a 07 52 65 64 6d 6f\n   6e 64\n",
];

#[test]
fn an_upgrade_from_http1() {
    let backend = Backend::listen();
    let session = Session::start(&backend, &[]);
    let mut client = session.connect();
    client.sends(
        "GET /up HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
         HTTP2-Settings: AAMAAABk\r\n\r\n",
    );
    let mut served = backend.accept();
    session.prints("'Upgrade' -> 'h2c'");
    let switch = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
    let answer = frame(HEADERS, END_HEADERS | END_STREAM, 1, &block(&[(":status", "204")]));
    served.sends([&switch[..], &settings(&[]), &answer].concat());
    client.receives(switch);
    client.sends(h2::greeting());
    session.prints("Client Connection Preface");
    client.finishes();
    served.finishes();
    session.note("finished");
    let out = session.ends(&client);
    for section in UPGRADE {
        assert!(out.contains(section), "{section}\nis missing in\n{out}");
    }
}

const UPGRADE: [&str; 5] = [
    "HTTP/1 Request = 'GET /up HTTP/1.1'\nHeaders =\n   'Host' -> 'x'\n",
    "SETTINGS_MAX_CONCURRENT_STREAMS:0x3 -> 100 (00 03 | 00 00 00 64)\n",
    "HTTP/1 Response = 'HTTP/1.1 101 Switching Protocols'\n",
    "Stream Identifier = 1 (00 00 00 01)\nHeaders =\n   ':status' -> '204'\n",
    "Client Connection Preface = b'PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n'\n",
];

#[test]
fn flags_have_the_defaults_of_the_forerunner() {
    let help = crate::support::process::spliceway().args(["describe", "--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let words: Vec<&str> = help.split_whitespace().collect();
    let help = words.join(" ");
    for flag in [
        "--proxy-port <PORT> Listen on this port of every address [default: 24909]",
        "--server-host <HOST> The backend's host [default: localhost]",
        "--server-port <PORT> The backend's port [default: 80]",
        "--format <FORM>",
        "--show-secrets",
    ] {
        assert!(help.contains(flag), "{flag:?} is missing in:\n{help}");
    }
}
