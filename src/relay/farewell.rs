//! Ending a connection so that the client can read our last words.

use std::io;

use crate::bridge::Answer;
use crate::limits;
use crate::sys::socket::Socket;

/// Sends `answer`, the GOAWAY of it a moment later, ends our side, and reads what the client still sends until it ends,
/// too, or 2 s or 256 KiB later.
///
/// Closing with unread input would make the kernel send a reset, and a reset takes away what the client has not read
/// yet: the answer.
pub async fn farewell(client: Socket, answer: &Answer) {
    let goodbye = async {
        client.send_all(&answer.response).await?;
        if !answer.goaway.is_empty() {
            tokio::time::sleep(limits::GOAWAY_PAUSE).await;
            client.send_all(&answer.goaway).await?;
        }
        client.finish()?;
        let mut discarded = 0;
        while discarded < limits::DISCARD_BYTES {
            match discard(&client)? {
                Some(0) => break,
                Some(bytes) => discarded += bytes,
                None => client.readable().await?,
            }
        }
        Ok::<(), io::Error>(())
    };
    // Neither a time-out nor an error changes anything: the connection is closed either way, its reason is known.
    drop(tokio::time::timeout(limits::DISCARD_DEADLINE, goodbye).await);
}

/// Reads what waits and forgets it. The buffer is here, and not in the task that every connection has.
fn discard(client: &Socket) -> io::Result<Option<usize>> {
    client.receive(&mut [0; 4096])
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::Shutdown;
    use std::os::unix::net::UnixStream;
    use std::time::Instant;

    use super::*;
    use crate::sys::runtime::{Engine, Runtime};

    #[test]
    fn goaway_comes_a_moment_behind_the_response() {
        let (ours, mut client) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let answer = Answer { response: b"response".to_vec(), goaway: b"goaway".to_vec() };
        let begun = Instant::now();
        Runtime::new(Engine::Epoll).unwrap().block_on(farewell(Socket::accepted(ours.into()), &answer));
        assert!(begun.elapsed() >= limits::GOAWAY_PAUSE);
        let mut heard = String::new();
        client.read_to_string(&mut heard).unwrap();
        assert_eq!(heard, "responsegoaway");
    }
}
