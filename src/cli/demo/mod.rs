//! `spliceway demo`: a client, Spliceway and a backend in one process, and the story of one connection.
//!
//! For someone who has just built the program and wants to see it work, with nothing to install and nothing to
//! configure. It is also a check of this machine: every step is verified, and the first that fails ends the demo with
//! an error. It uses loopback ports of the kernel's choice, writes no file and takes well under two seconds.
//!
//! `front.rs` is where the proxy is started; all else here is on either side of it.

mod backend;
mod client;
mod error;
mod front;
mod palette;
mod settings;
mod story;
mod summary;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use self::backend::Backend;
use self::client::Client;
use self::error::DemoError;
use self::front::Front;
use self::palette::Palette;
use self::proto::User;
use self::story::Story;

/// Show one connection from end to end: a gRPC client, the proxy and a backend in one process
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct DemoArgs {
    /// First name of the first user that is added and read back: any text of up to 1,000 bytes
    #[arg(long, value_name = "NAME", default_value = "Ada")]
    pub first_name: String,
}

/// Runs the demo and tells its story on `out`; an error goes to standard error.
///
/// 0 if every step did what it should, 1 if one did not, 2 if the arguments are no good.
pub fn run(args: &DemoArgs, out: &mut dyn Write) -> ExitCode {
    let Err(error) = tell(args, &mut Story::new(out, Palette::of_standard_output())) else {
        return ExitCode::SUCCESS;
    };
    if let DemoError::Write(error) = &error
        && error.kind() == io::ErrorKind::BrokenPipe
    {
        // `spliceway demo | head -3`: the reader has seen enough and wants no complaint.
        return ExitCode::FAILURE;
    }
    // Nothing is left to be done where even standard error is gone.
    drop(writeln!(io::stderr(), "error: {error}"));
    if matches!(error, DemoError::NameTooLong { .. }) { ExitCode::from(2) } else { ExitCode::FAILURE }
}

fn tell(args: &DemoArgs, story: &mut Story<'_>) -> Result<(), DemoError> {
    let bytes = args.first_name.len();
    if bytes > FIRST_NAME_BYTES {
        return Err(DemoError::NameTooLong { bytes, at_most: FIRST_NAME_BYTES });
    }
    // The backend lives on the runtime's thread, the client on this one.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("demo")
        .enable_all()
        .build()
        .map_err(|source| DemoError::Start { what: "the demo's runtime", source })?;

    story.opening()?;
    let backend = runtime.block_on(Backend::start())?;
    story.backend_listens(backend.address)?;
    let mut front = front::start_front(backend.address)?;
    story.front_listens(front.address)?;

    runtime.block_on(converse(&front, &args.first_name, story))?;

    let summary = front
        .summary
        .recv_timeout(SUMMARY_DEADLINE)
        .map_err(|_| DemoError::NoSummary { deadline: SUMMARY_DEADLINE })?;
    story.frames(&front.frames())?;
    story.seen(&summary)?;
    story.closing()?;
    Ok(())
}

/// The client's part: one connection from its first byte to its last.
async fn converse(front: &Front, first_name: &str, story: &mut Story<'_>) -> Result<(), DemoError> {
    let mut client = Client::connect(front.address).await?;
    story.client_connected(client::PROXY_LINE)?;

    story.settings_awaited()?;
    let waited = client.wait_for_settings(client::DEADLINE).await?;
    story.settings_came(waited)?;

    story.users_are_added()?;
    let mut added = Vec::new();
    for (first_name, last_name) in [(first_name, "Lovelace"), ("Grace", "Hopper")] {
        let user = client.add_user(first_name, last_name).await?;
        story.user_added(&user)?;
        added.push(user);
    }

    let returned = client.all_users(added.len()).await?;
    story.users_streamed(&returned)?;
    require_same(&added, &returned)?;

    drop(client);
    story.client_closed()?;
    Ok(())
}

fn require_same(added: &[User], returned: &[User]) -> Result<(), DemoError> {
    if added == returned {
        return Ok(());
    }
    Err(DemoError::UsersDiffer { added: format!("{added:?}"), returned: format!("{returned:?}") })
}

/// What `build.rs` makes of `users.proto`.
#[allow(unreachable_pub, clippy::too_many_lines, clippy::allow_attributes_without_reason, reason = "generated code")]
mod proto {
    tonic::include_proto!("users.v1");
}

const EXAMPLES: &str = "\
Examples:
  spliceway demo                       one connection, step by step
  spliceway demo --first-name Zoë      with a name of your own
  NO_COLOR=1 spliceway demo            without colour

Exit code: 0 if every step did what it should, 1 if one did not, 2 for bad arguments.";
/// Longest name: far more than any name needs, far less than one gRPC message may carry.
const FIRST_NAME_BYTES: usize = 1_000;
/// Time for Spliceway to notice the end of a connection and report it.
const SUMMARY_DEADLINE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct CommandLine {
        #[command(flatten)]
        demo: DemoArgs,
    }

    fn told(first_name: &str) -> Result<String, DemoError> {
        let mut out = Vec::new();
        tell(&DemoArgs { first_name: first_name.to_owned() }, &mut Story::new(&mut out, Palette::PLAIN))?;
        Ok(String::from_utf8(out).unwrap())
    }

    fn user(id: u64, first_name: &str) -> User {
        User { id, first_name: first_name.to_owned(), last_name: "Lovelace".to_owned() }
    }

    #[test]
    fn client_and_backend_talk_through_the_front() {
        let story = told("Zoë 🦀").unwrap();
        for line in [
            "     > AddUser  Zoë 🦀 Lovelace\n     < id 1\n     > AddUser  Grace Hopper\n     < id 2\n",
            "     > GetUsers\n     < 1  Zoë 🦀 Lovelace\n     < 2  Grace Hopper\n",
            "     client     203.0.113.7:40312  as the PROXY line says\n",
            "     peer       127.0.0.1:",
        ] {
            assert!(story.contains(line), "{line:?} is not in:\n{story}");
        }
        assert!(story.ends_with("     spliceway run --listen :8080 --backend HOST:PORT\n"), "{story}");
    }

    #[test]
    fn unusual_names_go_through_unchanged() {
        for name in ["", " ", "\0", "\r\n", "\x1b[31m", "👩‍💻", "🦀".repeat(250).as_str()] {
            told(name).unwrap_or_else(|error| panic!("{name:?}: {error}"));
        }
    }

    #[test]
    fn a_name_over_the_limit_is_refused_before_anything_is_told() {
        let mut out = Vec::new();
        let args = DemoArgs { first_name: "n".repeat(1_001) };
        let error = tell(&args, &mut Story::new(&mut out, Palette::PLAIN)).unwrap_err();
        assert!(matches!(error, DemoError::NameTooLong { bytes: 1_001, at_most: 1_000 }), "{error}");
        assert!(out.is_empty());
        assert_eq!(run(&args, &mut io::sink()), ExitCode::from(2));
    }

    #[test]
    fn users_that_differ_in_any_way_are_an_error() {
        let added = [user(1, "Ada"), user(2, "Grace")];
        require_same(&added, &added).unwrap();
        for returned in [
            vec![],
            vec![user(1, "Ada")],
            vec![user(2, "Grace"), user(1, "Ada")],
            vec![user(1, "Ada"), user(3, "Grace")],
            vec![user(1, "ada"), user(2, "Grace")],
            vec![user(1, "Ada"), user(2, "Grace"), user(3, "Eve")],
        ] {
            require_same(&added, &returned).unwrap_err();
        }
    }

    #[test]
    fn the_name_is_optional() {
        let parsed = |arguments: &[&str]| CommandLine::try_parse_from(arguments).map(|line| line.demo.first_name);
        assert_eq!(parsed(&["demo"]).unwrap(), "Ada");
        assert_eq!(parsed(&["demo", "--first-name", "Zoë"]).unwrap(), "Zoë");
        parsed(&["demo", "Zoë"]).unwrap_err();
        parsed(&["demo", "--first-name"]).unwrap_err();
    }
}
