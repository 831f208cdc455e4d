//! tonic as a peer of the interop matrix, both sides of `proto/matrix.proto` over plaintext HTTP/2.
//!
//! ```text
//! matrix-tonic server [NAME]                      prints {"listening":PORT} and serves until it is ended
//! matrix-tonic client list                        prints the scenarios as a JSON array
//! matrix-tonic client SCENARIO[,SCENARIO] ADDRESS prints one JSON object for each, in order
//! ```
//!
//! A call that fails is an outcome like any other; only wrong arguments are an exit status.

mod client;
mod server;

use std::{env, error::Error, process::ExitCode};

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done: Result<(), Box<dyn Error + Send + Sync>> = match arguments[..] {
        ["server"] | ["server", _] => server::serve().await,
        ["client", "list"] => {
            println!("{}", serde_json::json!(client::SCENARIOS));
            Ok(())
        }
        ["client", scenarios, address] => client::run(scenarios, address).await,
        _ => Err("usage: matrix-tonic server [NAME] | client list | client SCENARIO[,SCENARIO]... ADDRESS".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("matrix-tonic: {error}");
            ExitCode::from(2)
        }
    }
}
