//! quinn on one thread: AES-256-GCM by ring, X25519, an Ed25519 certificate, packets of 1400 bytes.

#[path = "../../options.rs"]
mod options;

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::Instant;

use options::{say_listening, Options, Outcome, HANDSHAKES_IN_FLIGHT, REQUESTS_IN_FLIGHT};
use quinn::congestion::{BbrConfig, ControllerFactory, CubicConfig};
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{Connection, Endpoint, EndpointConfig, TokioRuntime, TransportConfig, VarInt};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::Resumption;
use rustls::crypto::{ring, CryptoProvider};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error as TlsError, SignatureScheme};

const PACKET_BYTES: u16 = 1400;
const WINDOW_BYTES: u32 = 16 << 20;
const BUFFER_BYTES: usize = 4 << 20;

type AnyResult<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> AnyResult<()> {
    let options = Options::read();
    let outcome = if options.is_sender { send(&options).await? } else { receive(&options).await? };
    outcome.say(&options);
    Ok(())
}

fn provider() -> Arc<CryptoProvider> {
    let mut provider = ring::default_provider();
    // QUIC's first packets are under AES-128 whatever comes then, so it stays, as the second.
    provider.cipher_suites = vec![
        ring::cipher_suite::TLS13_AES_256_GCM_SHA384,
        ring::cipher_suite::TLS13_AES_128_GCM_SHA256,
    ];
    provider.kx_groups = vec![ring::kx_group::X25519];
    Arc::new(provider)
}

fn transport(options: &Options) -> Arc<TransportConfig> {
    let mut config = TransportConfig::default();
    let factory: Arc<dyn ControllerFactory + Send + Sync> = match options.congestion.as_str() {
        "bbr" => Arc::new(BbrConfig::default()),
        _ => Arc::new(CubicConfig::default()),
    };
    config
        .congestion_controller_factory(factory)
        .initial_mtu(PACKET_BYTES)
        .mtu_discovery_config(None)
        .stream_receive_window(VarInt::from_u32(WINDOW_BYTES))
        .receive_window(VarInt::from_u32(WINDOW_BYTES))
        .send_window(WINDOW_BYTES.into())
        .max_concurrent_bidi_streams(VarInt::from_u32(4 * REQUESTS_IN_FLIGHT as u32));
    Arc::new(config)
}

fn socket(address: SocketAddr) -> AnyResult<UdpSocket> {
    let socket = UdpSocket::bind(address)?;
    let settings = socket2::SockRef::from(&socket);
    settings.set_recv_buffer_size(BUFFER_BYTES)?;
    settings.set_send_buffer_size(BUFFER_BYTES)?;
    Ok(socket)
}

// --- sender --------------------------------------------------------------------------------------

async fn send(options: &Options) -> AnyResult<Outcome> {
    let mut tls = rustls::ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider())))
        .with_no_client_auth();
    if options.mode != "resumed" {
        tls.resumption = Resumption::disabled();
    }
    let mut config = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?));
    config.transport_config(transport(options));
    let mut endpoint = Endpoint::new(
        EndpointConfig::default(),
        None,
        socket("0.0.0.0:0".parse()?)?,
        Arc::new(TokioRuntime),
    )?;
    endpoint.set_default_client_config(config);
    let to = SocketAddr::new(options.address.parse()?, options.port);
    let outcome = match options.mode.as_str() {
        "stream" => send_stream(endpoint.connect(to, "bench")?.await?, options).await?,
        "ping" | "requests" => {
            send_requests(endpoint.connect(to, "bench")?.await?, options).await?
        }
        "handshakes" | "resumed" => send_handshakes(&endpoint, to, options).await?,
        _ => return Err("quinn: no such mode".into()),
    };
    endpoint.wait_idle().await;
    Ok(outcome)
}

async fn send_stream(connection: Connection, options: &Options) -> AnyResult<Outcome> {
    let mut stream = connection.open_uni().await?;
    let data = vec![7u8; 64 << 10];
    let mut outcome = Outcome::default();
    let start = Instant::now();
    while options.goes_on(outcome.bytes, start) {
        match stream.write(&data).await {
            Ok(count) => outcome.bytes += count as u64,
            Err(_) => break, // the receiver has seen enough
        }
    }
    let _ = stream.finish();
    connection.closed().await; // by the receiver
    outcome.took = start.elapsed();
    Ok(outcome)
}

async fn request(connection: &Connection, bytes: usize) -> AnyResult<std::time::Duration> {
    let start = Instant::now();
    let (mut send, mut receive) = connection.open_bi().await?;
    send.write_all(&vec![7u8; bytes]).await?;
    send.finish()?;
    receive.read_to_end(bytes).await?;
    Ok(start.elapsed())
}

async fn send_requests(connection: Connection, options: &Options) -> AnyResult<Outcome> {
    let workers = if options.mode == "ping" { 1 } else { REQUESTS_IN_FLIGHT };
    let (count, bytes) = (options.count / workers, options.message_bytes);
    let start = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..workers {
        let connection = connection.clone();
        tasks.spawn(async move {
            let mut took = Vec::with_capacity(count);
            for _ in 0..count {
                took.push(request(&connection, bytes).await?);
            }
            AnyResult::Ok(took)
        });
    }
    let mut outcome = Outcome::default();
    while let Some(done) = tasks.join_next().await {
        outcome.round_trips.extend(done??);
    }
    outcome.took = start.elapsed();
    outcome.messages = outcome.round_trips.len() as u64;
    outcome.bytes = outcome.messages * bytes as u64;
    connection.close(0u32.into(), b"");
    Ok(outcome)
}

// A byte there and back: both sides are done then, and a ticket has come.
async fn send_handshakes(
    endpoint: &Endpoint,
    to: SocketAddr,
    options: &Options,
) -> AnyResult<Outcome> {
    let start = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    let left = Arc::new(AtomicUsize::new(options.count));
    for _ in 0..HANDSHAKES_IN_FLIGHT {
        let (endpoint, left) = (endpoint.clone(), left.clone());
        tasks.spawn(async move {
            let one_less = |count: usize| count.checked_sub(1);
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok() {
                let connection = endpoint.connect(to, "bench")?.await?;
                request(&connection, 1).await?;
                connection.close(0u32.into(), b"");
            }
            AnyResult::Ok(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    let messages = options.count as u64;
    Ok(Outcome { took: start.elapsed(), messages, ..Outcome::default() })
}

// --- receiver ------------------------------------------------------------------------------------

async fn receive(options: &Options) -> AnyResult<Outcome> {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519)?;
    let certificate = rcgen::CertificateParams::new(vec!["bench".into()])?.self_signed(&key)?;
    let mut tls = rustls::ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )?;
    tls.send_tls13_tickets = if options.mode == "resumed" { 1 } else { 0 };
    if options.mode == "resumed" {
        tls.ticketer = ring::Ticketer::new()?;
    }
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls)?));
    config.transport_config(transport(options));
    let endpoint = Endpoint::new(
        EndpointConfig::default(),
        Some(config),
        socket(SocketAddr::new(options.address.parse()?, options.port))?,
        Arc::new(TokioRuntime),
    )?;
    say_listening(endpoint.local_addr()?.port());

    let is_many = options.mode == "handshakes" || options.mode == "resumed";
    let connections = if is_many { options.count } else { 1 };
    let mut start = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..connections {
        let incoming = endpoint.accept().await.ok_or("no connection")?;
        if number == 0 {
            start = Instant::now();
        }
        if options.mode == "stream" {
            let connection = incoming.await?;
            let outcome = receive_stream(&connection, options).await?;
            connection.close(0u32.into(), b"");
            endpoint.wait_idle().await;
            return Ok(outcome);
        }
        tasks.spawn(async move {
            if let Ok(connection) = incoming.await {
                echo_all(connection).await;
            }
        });
    }
    while tasks.join_next().await.is_some() {}
    let messages = connections as u64;
    Ok(Outcome { took: start.elapsed(), messages, ..Outcome::default() })
}

// From the first byte to the last, or until `seconds` have passed.
async fn receive_stream(connection: &Connection, options: &Options) -> AnyResult<Outcome> {
    let mut stream = connection.accept_uni().await?;
    let mut outcome = Outcome::default();
    let start = Instant::now();
    let limit = tokio::time::sleep(options.limit());
    tokio::pin!(limit);
    loop {
        let chunk = tokio::select! {
            biased;
            chunk = stream.read_chunk(1 << 20, true) => chunk?,
            _ = &mut limit, if options.bytes == 0 => None,
        };
        outcome.took = start.elapsed();
        match chunk {
            Some(chunk) => outcome.bytes += chunk.bytes.len() as u64,
            None => return Ok(outcome),
        }
        if options.bytes == 0 && outcome.took >= options.limit() {
            return Ok(outcome);
        }
    }
}

// Until the other side closes.
async fn echo_all(connection: Connection) {
    while let Ok((mut send, mut receive)) = connection.accept_bi().await {
        tokio::spawn(async move {
            if let Ok(data) = receive.read_to_end(1 << 20).await {
                let _ = send.write_all(&data).await;
                let _ = send.finish();
            }
        });
    }
}

/// This measures, it protects nothing. The signature is verified, as it would be.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        Err(TlsError::General("TLS 1.3 only".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        rustls::crypto::verify_tls13_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
