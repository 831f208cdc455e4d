//! Ending a connection so that the client can read our last words.

use crate::limits;
use crate::sys::socket::Socket;

/// Sends `answer`, ends our side, and reads what the client still sends until it ends, too, or 2 s or 256 KiB later.
///
/// Closing with unread input would make the kernel send a reset, and a reset takes away what the client has not read
/// yet: the answer.
pub async fn farewell(client: Socket, answer: &[u8]) {
    let goodbye = async {
        client.send_all(answer).await?;
        client.finish()?;
        let mut scratch = [0; 4096];
        let mut discarded = 0;
        while discarded < limits::DISCARD_BYTES {
            match client.receive(&mut scratch)? {
                Some(0) => break,
                Some(received) => discarded += received,
                None => client.readable().await?,
            }
        }
        Ok::<(), std::io::Error>(())
    };
    // Neither a time-out nor an error changes anything: the connection is closed either way, its reason is known.
    drop(tokio::time::timeout(limits::DISCARD_DEADLINE, goodbye).await);
}
