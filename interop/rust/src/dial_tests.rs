//! The dialler's tests, as interop/README.md describes them: each returns what it measured.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::try_join_all;
use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use libp2p::core::multiaddr::Protocol;
use libp2p::identity::Keypair;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{Stream, StreamProtocol, SwarmEvent};
use libp2p::{identify, Multiaddr, PeerId};
use serde_json::{json, Value};
use tokio::sync::oneshot;

use crate::host::{self, make_host, BehaviourEvent, Failure, Host, Role};
use crate::options::Options;
use crate::streams::Opener;

const MIB: f64 = 1024.0 * 1024.0;

type Measured = Result<Value, Failure>;

pub async fn run(test: &str, address: &str, options: &Options) -> Measured {
    let address: Multiaddr = address.parse()?;
    match test {
        "wrongpeer" => return wrongpeer(&address, options).await,
        "refused" => return refused(&address, options).await,
        "handshakes" => return handshakes(&address, options).await,
        _ => {}
    }
    let mut host = make_host(options, Role::Dialer)?;
    let session = Session::open(&mut host, &address).await?;
    let mut measured = tokio::select! {
        never = drive(&mut host) => match never {},
        measured = on_session(test, &session, options) => measured?,
    };
    measured["connect_ms"] = json!(session.connect.as_secs_f64() * 1e3);
    Ok(measured)
}

async fn on_session(test: &str, session: &Session, options: &Options) -> Measured {
    match test {
        "ping" => ping(session, options).await,
        "identify" => identified(session),
        "perf" => perf(session, options).await,
        "echo" => {
            let size = options.number("size", 1 << 20);
            let start = Instant::now();
            echo(session, size).await?;
            let took = start.elapsed();
            Ok(json!({"bytes": size, "seconds": took.as_secs_f64(), "mib_s": rate(size, took)}))
        }
        "sink" => sink(session, options).await,
        "many" => many(session, options).await,
        "reset" => reset(session).await,
        "halfclose" => halfclose(session).await,
        "unknown" => unknown(session).await,
        "cancel" => cancel(session).await,
        "earlyclose" => earlyclose(session, options).await,
        _ => Err(format!("no test '{test}'").into()),
    }
}

async fn drive(host: &mut Host) -> std::convert::Infallible {
    loop {
        host.select_next_some().await;
    }
}

/// One dialled connection and what identify said about its other end.
struct Session {
    peer: PeerId,
    opener: Opener,
    connect: Duration,
    about: identify::Info,
    own: PeerId,
}

impl Session {
    async fn open(host: &mut Host, address: &Multiaddr) -> Result<Self, Failure> {
        let Some(Protocol::P2p(peer)) = address.iter().last() else {
            return Err(format!("{address} names no peer").into());
        };
        let dial = DialOpts::peer_id(peer)
            .addresses(vec![address.clone()])
            .condition(PeerCondition::Always)
            .build();
        let start = Instant::now();
        host.dial(dial)?;
        let mut connected = None;
        loop {
            match host.select_next_some().await {
                SwarmEvent::ConnectionEstablished { connection_id, .. } => {
                    let opener = host.behaviour().streams.opener(connection_id);
                    connected = opener.map(|opener| (opener, start.elapsed()));
                }
                SwarmEvent::OutgoingConnectionError { error, .. } => return Err(error.into()),
                SwarmEvent::ConnectionClosed { cause, .. } => {
                    return Err(format!("closed before identify: {cause:?}").into());
                }
                SwarmEvent::Behaviour(BehaviourEvent::Identify(event)) => match event {
                    identify::Event::Received { info, .. } => {
                        let (opener, connect) = connected.ok_or("identified, not connected")?;
                        let own = *host.local_peer_id();
                        return Ok(Self { peer, opener, connect, about: info, own });
                    }
                    identify::Event::Error { error, .. } => return Err(error.into()),
                    _ => {}
                },
                _ => {}
            }
        }
    }

    async fn stream(&self, protocol: StreamProtocol) -> Result<Stream, Failure> {
        Ok(self.opener.open(protocol).await?)
    }

    /// A stream whose first bytes are a name: this node's id's end and the number.
    async fn named(&self, protocol: StreamProtocol, number: u8) -> Result<Stream, Failure> {
        let mut stream = self.stream(protocol).await?;
        let id = self.own.to_bytes();
        let name = [&id[id.len() - 7..], &[number]].concat();
        stream.write_all(&name).await?;
        stream.flush().await?;
        Ok(stream)
    }

    /// How the named stream ended at the listener, and after how many bytes.
    async fn fate_of(&self, number: u8) -> Result<(char, u64), Failure> {
        let mut stream = self.named(host::FATE, number).await?;
        let (mut how, mut count) = ([0; 1], [0; 8]);
        stream.read_exact(&mut how).await?;
        stream.read_exact(&mut count).await?;
        stream.close().await?;
        Ok((how[0] as char, u64::from_be_bytes(count)))
    }

    async fn expect_end(&self, number: u8, size: u64) -> Result<(), Failure> {
        let (how, count) = self.fate_of(number).await?;
        let message = || format!("the listener saw {how} after {count} of {size} bytes");
        check(how == 'E' && count == size, message)
    }
}

async fn ping(session: &Session, options: &Options) -> Measured {
    let count = options.number("count", 10);
    let mut stream = session.stream(host::PING).await?;
    let mut rtts_us = vec![];
    for i in 0..count {
        let sent = [i as u8; 32];
        let mut received = [0; 32];
        let start = Instant::now();
        stream.write_all(&sent).await?;
        stream.flush().await?;
        stream.read_exact(&mut received).await?;
        rtts_us.push(start.elapsed().as_secs_f64() * 1e6);
        check(sent == received, || format!("ping {i} came back changed"))?;
    }
    stream.close().await?;
    Ok(json!({"sent": count, "received": rtts_us.len(), "rtt_us": summary(rtts_us)}))
}

fn identified(session: &Session) -> Measured {
    let about = &session.about;
    let peer = PeerId::from(about.public_key.clone());
    check(peer == session.peer, || format!("identified {peer}"))?;
    check(about.protocols.contains(&host::PING), || "identify lists no ping protocol".into())?;
    check(!about.observed_addr.is_empty(), || "identify has no observed address".into())?;
    let mut protocols: Vec<_> = about.protocols.iter().map(|p| p.to_string()).collect();
    protocols.sort();
    Ok(json!({
        "peer_id": peer.to_string(), "agent": about.agent_version,
        "protocol_version": about.protocol_version, "protocols": protocols,
        "listen_addresses": about.listen_addrs, "observed_address": about.observed_addr,
        "signed_peer_record": about.signed_peer_record.is_some(),
    }))
}

async fn perf(session: &Session, options: &Options) -> Measured {
    let (upload, download) = (options.number("upload", 0), options.number("download", 0));
    let start = Instant::now();
    let mut stream = session.stream(host::PERF).await?;
    stream.write_all(&download.to_be_bytes()).await?;
    host::write_zeros(&mut stream, upload).await?;
    stream.close().await?;
    let first = stream.read(&mut vec![0; host::CHUNK_BYTES]).await? as u64;
    let uploaded = if upload == 0 { start } else { Instant::now() };
    let received = first + host::drain(&mut stream).await?;
    let end = Instant::now();
    check(received == download, || format!("received {received} of {download} bytes"))?;
    Ok(json!({
        "seconds": (end - start).as_secs_f64(),
        "upload_bytes": upload, "download_bytes": download,
        "upload_mib_s": rate(upload, uploaded - start),
        "download_mib_s": rate(download, end - uploaded),
    }))
}

async fn sink(session: &Session, options: &Options) -> Measured {
    let size = options.number("size", 1 << 20);
    let mut stream = session.stream(host::SINK).await?;
    host::write_zeros(&mut stream, size).await?;
    stream.close().await?;
    let mut reply = vec![];
    stream.read_to_end(&mut reply).await?;
    check(reply == size.to_be_bytes(), || format!("the sink answered {reply:?} to {size} bytes"))?;
    Ok(json!({"bytes": size}))
}

async fn many(session: &Session, options: &Options) -> Measured {
    let streams = options.number("streams", 200);
    let size = options.number("size", host::CHUNK_BYTES as u64);
    let start = Instant::now();
    try_join_all((0..streams).map(|_| echo(session, size))).await?;
    let seconds = start.elapsed().as_secs_f64();
    Ok(json!({"streams": streams, "bytes": streams * size, "seconds": seconds}))
}

async fn reset(session: &Session) -> Measured {
    let mut stream = session.stream(host::RESET).await?;
    stream.write_all(&[1]).await?;
    stream.flush().await?;
    // rust-yamux reads a reset as an end and tells it by refusing to write, which after a mere
    // half-close by the other side it would not.
    let read = host::drain(&mut stream).await;
    let written = match stream.write_all(&[1]).await {
        Ok(()) => stream.flush().await,
        refused => refused,
    };
    let Some(how) = read.err().or(written.err()) else {
        return Err("the stream was not reset".into());
    };
    echo(session, 1).await?;
    Ok(json!({"detail": how.to_string()}))
}

async fn halfclose(session: &Session) -> Measured {
    let size = 128 * 1024;
    let mut stream = session.stream(host::ECHO).await?;
    host::write_zeros(&mut stream, size).await?;
    stream.close().await?;
    let received = host::drain(&mut stream).await?;
    check(received == size, || format!("received {received} of {size} after the half-close"))?;
    Ok(json!({"bytes": size}))
}

async fn cancel(session: &Session) -> Measured {
    let size = 100_000;
    let mut cancelled = session.named(host::WATCH, 1).await?;
    cancelled.read_exact(&mut [0; 8]).await?;
    host::write_zeros(&mut cancelled, size).await?;
    cancelled.flush().await?;
    drop(cancelled); // Dropping a stream that is not closed resets it.
    let (how, count) = session.fate_of(1).await?;
    check(how == 'R' && count <= size, || format!("the listener saw {how} after {count} bytes"))?;
    // The same to its end, so that it shows that the listener tells the two apart.
    let mut ended = session.named(host::WATCH, 2).await?;
    host::write_zeros(&mut ended, size).await?;
    ended.close().await?;
    let received = host::drain(&mut ended).await?;
    check(received == 9, || format!("a watched stream sent {received} bytes"))?;
    session.expect_end(2, size).await?;
    echo(session, 1).await?;
    Ok(json!({"bytes": count}))
}

async fn earlyclose(session: &Session, options: &Options) -> Measured {
    let size = options.number("size", 1 << 20);
    let mut stream = session.named(host::EARLY, 1).await?;
    let received = host::drain(&mut stream).await?;
    check(received == 0, || format!("{received} bytes before the end"))?;
    host::write_zeros(&mut stream, size).await?;
    stream.close().await?;
    session.expect_end(1, size).await?;
    echo(session, 1).await?;
    Ok(json!({"bytes": size}))
}

async fn unknown(session: &Session) -> Measured {
    let how = match session.stream(host::NONE).await {
        // With one protocol offered the library is optimistic: the refusal comes with the read.
        Ok(mut stream) => host::drain(&mut stream).await.err().map(|error| error.to_string()),
        Err(error) => Some(error.to_string()),
    };
    let detail = how.ok_or("a protocol nobody serves was accepted")?;
    echo(session, 1).await?;
    Ok(json!({"detail": detail}))
}

async fn wrongpeer(address: &Multiaddr, options: &Options) -> Measured {
    let other = PeerId::from(Keypair::generate_ed25519().public());
    let mut wrong = address.clone();
    wrong.pop();
    wrong.push(Protocol::P2p(other));
    let mut host = make_host(options, Role::Dialer)?;
    let Err(how) = Session::open(&mut host, &wrong).await else {
        return Err(format!("connected although the address names {other}").into());
    };
    let session = Session::open(&mut host, address).await?;
    tokio::select! {
        never = drive(&mut host) => match never {},
        echoed = echo(&session, 1) => echoed?,
    }
    Ok(json!({"detail": how.to_string()}))
}

async fn refused(address: &Multiaddr, options: &Options) -> Measured {
    let mut host = make_host(options, Role::Dialer)?;
    match Session::open(&mut host, address).await {
        Ok(_) => Err("connected although it should have been refused".into()),
        Err(how) => Ok(json!({"detail": how.to_string()})),
    }
}

/// Each worker is a node of its own, as with the other peers, whose dials are merged otherwise.
async fn handshakes(address: &Multiaddr, options: &Options) -> Measured {
    let (count, parallel) = (options.number("count", 100), options.number("parallel", 1));
    let taken = Arc::new(AtomicU64::new(0));
    let mut workers = vec![];
    let start = Instant::now();
    for _ in 0..parallel {
        let (address, options, taken) = (address.clone(), options.clone(), taken.clone());
        let (sender, receiver) = oneshot::channel();
        workers.push(receiver);
        tokio::spawn(async move {
            let _ = sender.send(handshake_worker(&address, &options, &taken, count).await);
        });
    }
    for worker in workers {
        worker.await??;
    }
    let seconds = start.elapsed().as_secs_f64();
    let per_second = count as f64 / seconds;
    Ok(json!({
        "count": count, "parallel": parallel, "seconds": seconds, "per_second": per_second,
    }))
}

async fn handshake_worker(
    address: &Multiaddr,
    options: &Options,
    taken: &AtomicU64,
    count: u64,
) -> Result<(), Failure> {
    let mut host = make_host(options, Role::Dialer)?;
    while taken.fetch_add(1, Ordering::Relaxed) < count {
        let session = Session::open(&mut host, address).await?;
        let _ = host.disconnect_peer_id(session.peer);
        while host.is_connected(&session.peer) {
            host.select_next_some().await;
        }
    }
    Ok(())
}

/// Its period is no multiple of any frame size, so that a lost or moved frame shows.
fn pattern() -> Vec<u8> {
    (0..65521u32).map(|i| (i.wrapping_mul(2654435761) >> 13) as u8).collect()
}

async fn echo(session: &Session, size: u64) -> Result<(), Failure> {
    let (mut reader, mut writer) = session.stream(host::ECHO).await?.split();
    let pattern = &pattern();
    let send = async move {
        let mut left = size;
        while left > 0 {
            let step = left.min(pattern.len() as u64) as usize;
            writer.write_all(&pattern[..step]).await?;
            left -= step as u64;
        }
        writer.close().await?;
        Ok::<(), Failure>(())
    };
    let receive = async move {
        let mut buffer = vec![0; pattern.len()];
        let mut at = 0;
        while at < size {
            let step = (size - at).min(pattern.len() as u64) as usize;
            let read = reader.read_exact(&mut buffer[..step]).await;
            read.map_err(|error| format!("after {at} of {size} bytes: {error}"))?;
            check(buffer[..step] == pattern[..step], || format!("bytes differ after {at}"))?;
            at += step as u64;
        }
        let more = reader.read(&mut buffer).await?;
        check(more == 0, || "more bytes than were sent".into())
    };
    futures::try_join!(send, receive)?;
    Ok(())
}

fn check(holds: bool, message: impl FnOnce() -> String) -> Result<(), Failure> {
    if holds {
        Ok(())
    } else {
        Err(message().into())
    }
}

fn rate(bytes: u64, took: Duration) -> Value {
    if bytes == 0 {
        return Value::Null;
    }
    json!(bytes as f64 / MIB / took.as_secs_f64())
}

fn summary(mut values: Vec<f64>) -> Value {
    values.sort_by(f64::total_cmp);
    let at = |share: f64| {
        values.get(((values.len() as f64 * share) as usize).min(values.len().saturating_sub(1)))
    };
    json!({"min": at(0.0), "p50": at(0.5), "p99": at(0.99), "max": at(1.0)})
}
