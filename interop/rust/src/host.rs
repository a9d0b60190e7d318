//! A rust-libp2p node with TCP, WebSocket, Noise, yamux, identify and ping, and the interop
//! protocols.

use std::error::Error;
use std::io;
use std::path::Path;
use std::time::Duration;

use futures::channel::mpsc::UnboundedReceiver;
use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use libp2p::core::transport::Transport;
use libp2p::core::upgrade::Version;
use libp2p::core::{muxing::StreamMuxerBox, transport::Boxed};
use libp2p::identity::Keypair;
use libp2p::pnet::{PnetConfig, PreSharedKey};
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::swarm::{Config, NetworkBehaviour, Stream, StreamProtocol, Swarm};
use libp2p::{identify, noise, ping, tcp, yamux, PeerId};
use libp2p_websocket as websocket;

use crate::fates::Fates;
use crate::options::Options;
use crate::streams;

pub const EARLY: StreamProtocol = StreamProtocol::new("/kith-interop/early/1.0.0");
pub const ECHO: StreamProtocol = StreamProtocol::new("/kith-interop/echo/1.0.0");
pub const FATE: StreamProtocol = StreamProtocol::new("/kith-interop/fate/1.0.0");
pub const NONE: StreamProtocol = StreamProtocol::new("/kith-interop/none/1.0.0");
pub const PERF: StreamProtocol = StreamProtocol::new("/perf/1.0.0");
pub const PING: StreamProtocol = StreamProtocol::new("/ipfs/ping/1.0.0");
pub const RESET: StreamProtocol = StreamProtocol::new("/kith-interop/reset/1.0.0");
pub const SINK: StreamProtocol = StreamProtocol::new("/kith-interop/sink/1.0.0");
pub const WATCH: StreamProtocol = StreamProtocol::new("/kith-interop/watch/1.0.0");

pub const CHUNK_BYTES: usize = 64 * 1024;

/// The library's 128 would refuse what `many` opens at once.
const STREAMS_MAX: usize = 4096;

pub type Failure = Box<dyn Error + Send + Sync>;

#[derive(NetworkBehaviour)]
pub struct Behaviour {
    pub identify: identify::Behaviour,
    pub ping: Toggle<ping::Behaviour>,
    pub streams: streams::Behaviour,
}

pub type Host = Swarm<Behaviour>;

pub enum Role {
    Dialer,
    Listener,
}

pub fn make_host(options: &Options, role: Role) -> Result<Host, Failure> {
    let key = identity(options)?;
    let peer = PeerId::from(key.public());
    // The library's ping cannot be kept from pinging, so diallers, who ping on their own stream,
    // and listeners with --no-ping answer with our own. Not to answer at all would not do: to a
    // peer that does not serve ping the library's ping does not answer either.
    let library_ping = matches!(role, Role::Listener) && !options.no_ping;
    let mut served = match role {
        Role::Dialer => vec![],
        Role::Listener => vec![EARLY, ECHO, FATE, PERF, RESET, SINK, WATCH],
    };
    if !library_ping {
        served.push(PING);
    }
    let (streams, inbound) = streams::Behaviour::new(served);
    let about = identify::Config::new("ipfs/0.1.0".into(), key.public())
        .with_agent_version("kith-interop-rust".into());
    let behaviour = Behaviour {
        identify: identify::Behaviour::new(about),
        ping: Toggle::from(library_ping.then(ping::Behaviour::default)),
        streams,
    };
    let config = Config::with_tokio_executor()
        .with_idle_connection_timeout(Duration::from_secs(3600))
        .with_max_negotiating_inbound_streams(STREAMS_MAX);
    tokio::spawn(serve(inbound));
    Ok(Swarm::new(transport(options, &key)?, behaviour, peer, config))
}

pub fn identity(options: &Options) -> Result<Keypair, Failure> {
    let Some(seed) = options.numbers.get("seed") else {
        return Ok(Keypair::generate_ed25519());
    };
    let mut bytes = [0u8; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    Ok(Keypair::ed25519_from_bytes(bytes)?)
}

pub fn transport(
    options: &Options,
    key: &Keypair,
) -> Result<Boxed<(PeerId, StreamMuxerBox)>, Failure> {
    let tcp = || tcp::tokio::Transport::new(tcp::Config::default().nodelay(true));
    let mut web = websocket::Config::new(tcp());
    if let Some(folder) = std::env::var_os("PEER_TLS") {
        web.set_tls_config(tls(Path::new(&folder))?);
    }
    let raw = web.or_transport(tcp());
    let Some(file) = &options.psk else {
        return secured(raw, key);
    };
    let psk: PreSharedKey = std::fs::read_to_string(file)?.parse()?;
    let protect = move |socket, _| PnetConfig::new(psk).handshake(socket);
    secured(raw.and_then(protect), key)
}

/// What the peer shows where WebSockets have TLS, and whom it believes (README.md).
fn tls(folder: &Path) -> Result<websocket::tls::Config, Failure> {
    use websocket::tls::{Certificate, Config, PrivateKey};
    let read = |name: &str| std::fs::read(folder.join(name));
    let certificate = Certificate::new(read("certificate.der")?);
    let mut builder = Config::builder();
    builder.add_trust(&Certificate::new(read("authority.der")?))?;
    builder.server(PrivateKey::new(read("key.der")?), [certificate])?;
    Ok(builder.finish())
}

fn secured<T>(raw: T, key: &Keypair) -> Result<Boxed<(PeerId, StreamMuxerBox)>, Failure>
where
    T: Transport + Send + Unpin + 'static,
    T::Output: futures::AsyncRead + futures::AsyncWrite + Send + Unpin + 'static,
    T::Error: Send + Sync + 'static,
    T::Dial: Send + 'static,
    T::ListenerUpgrade: Send + 'static,
{
    Ok(raw
        .upgrade(Version::V1Lazy)
        .authenticate(noise::Config::new(key)?)
        .multiplex(yamux::Config::default())
        .timeout(Duration::from_secs(10))
        .boxed())
}

/// Serves until the host is dropped.
async fn serve(mut inbound: UnboundedReceiver<streams::Inbound>) {
    let fates = Fates::default();
    while let Some((protocol, stream)) = inbound.next().await {
        let fates = fates.clone();
        tokio::spawn(async move {
            let served = match protocol.as_ref() {
                "/kith-interop/early/1.0.0" => fates.serve_early(stream).await,
                "/kith-interop/fate/1.0.0" => fates.serve_fate(stream).await,
                "/kith-interop/watch/1.0.0" => fates.serve_watch(stream).await,
                "/perf/1.0.0" => serve_perf(stream).await,
                "/kith-interop/reset/1.0.0" => serve_reset(stream).await,
                "/kith-interop/sink/1.0.0" => serve_sink(stream).await,
                _ => serve_echo(stream).await,
            };
            if let Err(error) = served {
                eprintln!("{protocol}: {error}");
            }
        });
    }
}

async fn serve_echo(mut stream: Stream) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return stream.close().await;
        }
        stream.write_all(&buffer[..count]).await?;
        // The negotiation's last bytes and small pieces wait in a buffer otherwise.
        stream.flush().await?;
    }
}

async fn serve_perf(mut stream: Stream) -> io::Result<()> {
    let mut wanted = [0; 8];
    stream.read_exact(&mut wanted).await?;
    drain(&mut stream).await?;
    write_zeros(&mut stream, u64::from_be_bytes(wanted)).await?;
    stream.close().await
}

async fn serve_reset(mut stream: Stream) -> io::Result<()> {
    stream.read_exact(&mut [0; 1]).await?;
    drop(stream); // Dropping a stream that is not closed resets it.
    Ok(())
}

async fn serve_sink(mut stream: Stream) -> io::Result<()> {
    let count = drain(&mut stream).await?;
    stream.write_all(&count.to_be_bytes()).await?;
    stream.close().await
}

/// Reads to the end and counts.
pub async fn drain(stream: &mut Stream) -> io::Result<u64> {
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut total = 0;
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(total),
            count => total += count as u64,
        }
    }
}

pub async fn write_zeros(stream: &mut Stream, mut count: u64) -> io::Result<()> {
    let zeros = vec![0; CHUNK_BYTES];
    while count > 0 {
        let step = count.min(CHUNK_BYTES as u64) as usize;
        stream.write_all(&zeros[..step]).await?;
        count -= step as u64;
    }
    Ok(())
}
