//! Makes one TLS handshake, and one request if it may be HTTP/1.1: `rustls-client ADDRESS NAME CERTIFICATE [PROTOCOL]...`.
//!
//! Only the self-signed certificate in the file is trusted. Prints what came of it as one JSON object.

use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use sha2::{Digest, Sha256};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, name, certificate, protocols @ ..] = arguments.as_slice() else {
        return Err("usage: rustls-client ADDRESS NAME CERTIFICATE [PROTOCOL]...".into());
    };
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate)?)?;
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.clone().into_bytes()).collect();
    let client = ClientConnection::new(Arc::new(config), ServerName::try_from(name.clone())?)?;
    let socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(DEADLINE))?;
    match talk(StreamOwned::new(client, socket), name) {
        Ok(report) => println!("{report}"),
        Err(error) => println!("{{\"error\":{:?}}}", error.to_string()),
    }
    Ok(())
}

/// The handshake, and a request to a server that has not chosen HTTP/2.
fn talk(mut stream: StreamOwned<ClientConnection, TcpStream>, name: &str) -> Result<String, Box<dyn Error>> {
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    let certificate = stream.conn.peer_certificates().and_then(<[_]>::first).ok_or("no certificate")?;
    let fingerprint: String = Sha256::digest(certificate).iter().map(|byte| format!("{byte:02x}")).collect();
    let protocol = String::from_utf8(stream.conn.alpn_protocol().unwrap_or_default().to_vec())?;
    let mut body = String::new();
    if protocol != "h2" {
        write!(stream, "GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        body = answer.split_once("\r\n\r\n").ok_or("no answer")?.1.trim_end().to_owned();
    }
    Ok(format!("{{\"certificate\":{fingerprint:?},\"alpn\":{protocol:?},\"body\":{body:?}}}"))
}

const DEADLINE: Duration = Duration::from_secs(20);
