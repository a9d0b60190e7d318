//! The protocols watch, early and fate: how named streams ended at this side.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex};

use futures::{AsyncReadExt, AsyncWriteExt};
use libp2p::swarm::Stream;
use tokio::sync::watch;

use crate::host::drain;

pub type Name = [u8; 8];

/// `E` for an end or `R` for a reset, and the big-endian count of bytes behind the name.
pub type Fate = [u8; 9];

#[derive(Clone, Default)]
pub struct Fates(Arc<Mutex<HashMap<Name, watch::Sender<Option<Fate>>>>>);

impl Fates {
    pub async fn serve_watch(&self, mut stream: Stream) -> io::Result<()> {
        let name = read_name(&mut stream).await?;
        stream.write_all(&name).await?;
        stream.flush().await?;
        let mut count = 0;
        let mut buffer = vec![0; 4096];
        let read = loop {
            match stream.read(&mut buffer).await {
                Ok(0) => break Ok(()),
                Ok(more) => count += more as u64,
                Err(error) => break Err(error),
            }
        };
        // rust-yamux reads a reset as an end, and refuses to write only after a reset.
        let answered = match stream.write_all(&[1]).await {
            Ok(()) => stream.close().await,
            refused => refused,
        };
        self.note(name, if read.and(answered).is_ok() { b'E' } else { b'R' }, count);
        Ok(())
    }

    pub async fn serve_early(&self, mut stream: Stream) -> io::Result<()> {
        let name = read_name(&mut stream).await?;
        stream.close().await?;
        let count = drain(&mut stream).await?;
        self.note(name, b'E', count);
        Ok(())
    }

    pub async fn serve_fate(&self, mut stream: Stream) -> io::Result<()> {
        let name = read_name(&mut stream).await?;
        let mut told = self.sender(name).subscribe();
        let fate = told.wait_for(Option::is_some).await.map_err(io::Error::other)?.unwrap();
        stream.write_all(&fate).await?;
        stream.close().await
    }

    fn note(&self, name: Name, how: u8, count: u64) {
        let mut fate = [how; 9];
        fate[1..].copy_from_slice(&count.to_be_bytes());
        self.sender(name).send_replace(Some(fate));
    }

    fn sender(&self, name: Name) -> watch::Sender<Option<Fate>> {
        self.0.lock().unwrap().entry(name).or_insert_with(|| watch::Sender::new(None)).clone()
    }
}

async fn read_name(stream: &mut Stream) -> io::Result<Name> {
    let mut name = [0; 8];
    stream.read_exact(&mut name).await?;
    Ok(name)
}
