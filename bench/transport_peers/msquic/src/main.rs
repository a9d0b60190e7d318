//! msquic with its own OpenSSL: one worker on this process's core, AES-256-GCM, packets of 1400
//! bytes. Its events come on msquic's thread; the main thread only waits.

#[path = "../../options.rs"]
mod options;

use std::ffi::c_void;
use std::io::Write;
use std::mem::ManuallyDrop;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{channel, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use msquic::ffi::{
    HQUIC, QUIC_GLOBAL_EXECUTION_CONFIG, QUIC_PARAM_CONN_RESUMPTION_TICKET,
    QUIC_PARAM_GLOBAL_EXECUTION_CONFIG,
    QUIC_SEND_RESUMPTION_FLAGS_QUIC_SEND_RESUMPTION_FLAG_FINAL as QUIC_SEND_RESUMPTION_FLAG_FINAL,
};
use msquic::{
    Addr, AllowedCipherSuiteFlags, Api, BufferRef, CertificateFile, Configuration, Connection,
    ConnectionEvent, ConnectionRef, ConnectionShutdownFlags, Credential, CredentialConfig,
    CredentialFlags, ExecutionProfile, Listener, ListenerEvent, Registration, RegistrationConfig,
    SendFlags, ServerResumptionLevel, Settings, Status, Stream, StreamEvent, StreamOpenFlags,
    StreamRef, StreamShutdownFlags, StreamStartFlags,
};
use options::{say_listening, Options, Outcome, HANDSHAKES_IN_FLIGHT, REQUESTS_IN_FLIGHT};

const CHUNK_BYTES: usize = 64 << 10;
const CHUNKS_AHEAD: usize = 128; // 8 MiB, of which all may be under way
const WINDOW_BYTES: u32 = 16 << 20;
const IP_AND_UDP_BYTES: u16 = 28; // msquic's MTU has them
const PACKET_BYTES: u16 = 1400;
const BBR: u16 = 1;

type AnyResult<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> AnyResult<()> {
    let options = Arc::new(Options::read());
    let registration = Registration::new(&RegistrationConfig::new().set_execution_profile(
        match options.mode.as_str() {
            "stream" => ExecutionProfile::MaxThroughput,
            _ => ExecutionProfile::LowLatency,
        },
    ))?;
    use_one_core();
    let outcome = match options.is_sender {
        true => send(&registration, &options)?,
        false => receive(&registration, &options)?,
    };
    outcome.say(&options);
    // msquic's own end insists that everything is closed first; here the connections just end.
    std::io::stdout().flush()?;
    unsafe { _exit(0) }
}

extern "C" {
    fn _exit(code: i32) -> !;
}

// Its workers would go to every core of the machine, whatever the caller chose for this process.
fn use_one_core() {
    let allowed = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let first = allowed
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"))
        .and_then(|list| list.trim().split([',', '-']).next()?.parse::<u16>().ok());
    let mut config: QUIC_GLOBAL_EXECUTION_CONFIG = unsafe { std::mem::zeroed() };
    config.ProcessorCount = 1;
    config.ProcessorList[0] = first.unwrap_or(0);
    let size = std::mem::size_of_val(&config) as u32;
    let at = &config as *const _ as *const c_void;
    let done = unsafe {
        Api::set_param(std::ptr::null_mut(), QUIC_PARAM_GLOBAL_EXECUTION_CONFIG, size, at)
    };
    if let Err(status) = done {
        eprintln!("msquic: not on one core: {status}");
    }
}

fn configure(
    registration: &Registration,
    options: &Options,
    credential: CredentialConfig,
) -> Result<Configuration, Status> {
    let mtu = PACKET_BYTES + IP_AND_UDP_BYTES;
    let mut settings = Settings::new()
        .set_IdleTimeoutMs(30_000)
        .set_PeerBidiStreamCount(4 * REQUESTS_IN_FLIGHT as u16)
        .set_PeerUnidiStreamCount(1)
        .set_StreamRecvWindowDefault(WINDOW_BYTES)
        .set_ConnFlowControlWindow(WINDOW_BYTES)
        .set_MinimumMtu(mtu)
        .set_MaximumMtu(mtu);
    if options.mode == "resumed" {
        settings = settings.set_ServerResumptionLevel(ServerResumptionLevel::ResumeOnly);
    }
    if options.congestion == "bbr" {
        settings = settings.set_CongestionControlAlgorithm(BBR);
    }
    let configuration = Configuration::open(registration, &alpn(), Some(&settings))?;
    configuration.load_credential(
        &credential.set_allowed_cipher_suites(AllowedCipherSuiteFlags::AES_256_GCM_SHA384),
    )?;
    Ok(configuration)
}

fn alpn() -> [BufferRef; 1] {
    [BufferRef::from("bench")]
}

/// Bytes that stay for good, as what is sent must until msquic is done with it.
fn kept(bytes: Vec<u8>) -> &'static [BufferRef] {
    let bytes: &'static [u8] = Box::leak(bytes.into_boxed_slice());
    Box::leak(Box::new([BufferRef::from(bytes)]))
}

fn close_connection(connection: &Connection) {
    connection.shutdown(ConnectionShutdownFlags::NONE, 0);
}

/// To use within events of that connection's own streams.
fn borrowed(raw: HQUIC) -> ManuallyDrop<Connection> {
    ManuallyDrop::new(unsafe { Connection::from_raw(raw) })
}

fn close_stream(stream: &StreamRef) {
    drop(unsafe { Stream::from_raw(stream.as_raw()) });
}

// --- sender --------------------------------------------------------------------------------------

fn send(registration: &Registration, options: &Arc<Options>) -> AnyResult<Outcome> {
    let credential = CredentialConfig::new_client()
        .set_credential_flags(CredentialFlags::NO_CERTIFICATE_VALIDATION);
    let configuration = configure(registration, options, credential)?;
    let tickets = Arc::new(Mutex::new(Vec::<Vec<u8>>::new()));
    let resumed = Arc::new(AtomicUsize::new(0));
    let dial = |on_event: OnEvent| -> AnyResult<Connection> {
        let mut on_event = on_event;
        let (given, counted) = (tickets.clone(), resumed.clone());
        let connection = Connection::open(registration, move |connection, event| {
            match event {
                ConnectionEvent::Connected { session_resumed, .. } => {
                    counted.fetch_add(session_resumed.into(), Ordering::Relaxed);
                    on_event(&connection, Told::Connected);
                }
                ConnectionEvent::ResumptionTicketReceived { resumption_ticket } => {
                    given.lock().unwrap().push(resumption_ticket.to_vec());
                }
                ConnectionEvent::ShutdownComplete { .. } => on_event(&connection, Told::Ended),
                _ => {}
            }
            Ok(())
        })?;
        let ticket = tickets.lock().unwrap().pop(); // and lets go: setting waits for events
        if let Some(ticket) = ticket {
            let (size, at) = (ticket.len() as u32, ticket.as_ptr() as *const c_void);
            let handle = unsafe { connection.as_raw() };
            unsafe { Api::set_param(handle, QUIC_PARAM_CONN_RESUMPTION_TICKET, size, at) }?;
        }
        connection.start(&configuration, &options.address, options.port)?;
        Ok(connection)
    };
    match options.mode.as_str() {
        "stream" => send_stream(dial, options),
        "ping" | "requests" => send_requests(dial, options),
        "handshakes" => send_handshakes(dial, options),
        "resumed" => {
            let outcome = send_handshakes(dial, options)?;
            // The first ones have no ticket yet.
            let without = options.count - resumed.load(Ordering::Relaxed);
            if without > 2 * HANDSHAKES_IN_FLIGHT {
                return Err(format!("msquic: {without} were not resumed").into());
            }
            Ok(outcome)
        }
        _ => Err("msquic: no such mode".into()),
    }
}

#[derive(PartialEq)]
enum Told {
    Connected,
    Ended,
}

type OnEvent = Box<dyn FnMut(&Connection, Told)>;

fn send_stream(
    dial: impl Fn(OnEvent) -> AnyResult<Connection>,
    options: &Arc<Options>,
) -> AnyResult<Outcome> {
    let (done, ended) = channel();
    let options = options.clone();
    let total = Arc::new(Mutex::new(0u64));
    let counted = total.clone();
    let start = Instant::now();
    let connection = dial(Box::new(move |connection, told| {
        if told == Told::Ended {
            let _ = done.send(());
            return;
        }
        let chunk = kept(vec![7; CHUNK_BYTES]);
        let (options, counted) = (options.clone(), counted.clone());
        let start = Instant::now();
        let mut is_over = false;
        let stream =
            Stream::open(connection, StreamOpenFlags::UNIDIRECTIONAL, move |stream, event| {
                match event {
                    StreamEvent::SendComplete { cancelled, .. } if !is_over => {
                        let mut bytes = counted.lock().unwrap();
                        is_over = cancelled || !options.goes_on(*bytes, start);
                        if is_over {
                            let _ = stream.shutdown(StreamShutdownFlags::GRACEFUL, 0);
                        } else {
                            *bytes += CHUNK_BYTES as u64;
                            let _ =
                                unsafe { stream.send(chunk, SendFlags::NONE, std::ptr::null()) };
                        }
                    }
                    StreamEvent::ShutdownComplete { .. } => close_stream(&stream),
                    _ => {}
                }
                Ok(())
            })
            .expect("a stream");
        stream.start(StreamStartFlags::NONE).expect("a stream that starts");
        for _ in 0..CHUNKS_AHEAD {
            let _ = unsafe { stream.send(chunk, SendFlags::NONE, std::ptr::null()) };
        }
        unsafe { stream.into_raw() }; // closes itself
    }))?;
    ended.recv()?;
    drop(connection);
    let bytes = *total.lock().unwrap();
    Ok(Outcome { bytes, took: start.elapsed(), ..Outcome::default() })
}

/// One request; `finished` is called when the answer is there.
fn request(
    connection: &Connection,
    message: &'static [BufferRef],
    mut finished: impl FnMut(Duration) + 'static,
) {
    let start = Instant::now();
    let stream = Stream::open(connection, StreamOpenFlags::NONE, move |stream, event| {
        match event {
            StreamEvent::PeerSendShutdown => finished(start.elapsed()),
            StreamEvent::ShutdownComplete { .. } => close_stream(&stream),
            _ => {}
        }
        Ok(())
    })
    .expect("a stream");
    stream.start(StreamStartFlags::NONE).expect("a stream that starts");
    let _ = unsafe { stream.send(message, SendFlags::FIN, std::ptr::null()) };
    unsafe { stream.into_raw() }; // closes itself
}

struct Asking {
    message: &'static [BufferRef],
    left: usize,
    waiting: usize,
    round_trips: Vec<Duration>,
}

fn ask(connection: &Connection, asking: Arc<Mutex<Asking>>) {
    let message = {
        let mut now = asking.lock().unwrap();
        if now.left == 0 {
            if now.waiting == 0 {
                close_connection(connection);
            }
            return;
        }
        now.left -= 1;
        now.waiting += 1;
        now.message
    };
    let raw = unsafe { connection.as_raw() };
    request(connection, message, move |took| {
        {
            let mut now = asking.lock().unwrap();
            now.waiting -= 1;
            now.round_trips.push(took);
        }
        ask(&borrowed(raw), asking.clone());
    });
}

fn send_requests(
    dial: impl Fn(OnEvent) -> AnyResult<Connection>,
    options: &Arc<Options>,
) -> AnyResult<Outcome> {
    let in_flight = if options.mode == "ping" { 1 } else { REQUESTS_IN_FLIGHT };
    let asking = Arc::new(Mutex::new(Asking {
        message: kept(vec![7; options.message_bytes]),
        left: options.count,
        waiting: 0,
        round_trips: Vec::with_capacity(options.count),
    }));
    let (tell, told) = channel();
    let theirs = asking.clone();
    let connection = dial(Box::new(move |connection, what| {
        let _ = tell.send(Instant::now());
        if what == Told::Connected {
            for _ in 0..in_flight {
                ask(connection, theirs.clone());
            }
        }
    }))?;
    let start = told.recv()?;
    let took = told.recv()? - start;
    drop(connection);
    let round_trips = std::mem::take(&mut asking.lock().unwrap().round_trips);
    let messages = round_trips.len() as u64;
    let bytes = messages * options.message_bytes as u64;
    Ok(Outcome { bytes, took, messages, round_trips })
}

// A byte there and back, as with all.
fn send_handshakes(
    dial: impl Fn(OnEvent) -> AnyResult<Connection>,
    options: &Arc<Options>,
) -> AnyResult<Outcome> {
    let byte = kept(vec![1]);
    let (done, ended) = channel();
    let dial_one = |place: usize| {
        let done = done.clone();
        dial(Box::new(move |connection, told| match told {
            Told::Connected => {
                let raw = unsafe { connection.as_raw() };
                request(connection, byte, move |_| close_connection(&borrowed(raw)));
            }
            Told::Ended => {
                let _ = done.send(place);
            }
        }))
    };
    let start = Instant::now();
    let mut places = Vec::new();
    for place in 0..HANDSHAKES_IN_FLIGHT.min(options.count) {
        places.push(dial_one(place)?);
    }
    for finished in 1..=options.count {
        let place = ended.recv()?;
        if finished + HANDSHAKES_IN_FLIGHT <= options.count {
            places[place] = dial_one(place)?; // and the old one is closed
        }
    }
    let messages = options.count as u64;
    Ok(Outcome { took: start.elapsed(), messages, ..Outcome::default() })
}

// --- receiver ------------------------------------------------------------------------------------

fn new_credential() -> AnyResult<CredentialConfig> {
    let folder = std::env::temp_dir().join(format!("kith-bench-msquic-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let file = |name: &str| folder.join(name).display().to_string();
    let (key, certificate) = (file("key.pem"), file("certificate.pem"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ed25519", "-nodes", "-days", "2", "-subj", "/CN=bench"])
        .args(["-keyout", &key, "-out", &certificate])
        .output()?;
    if !made.status.success() {
        return Err("openssl makes no certificate".into());
    }
    let from_files = Credential::CertificateFile(CertificateFile::new(key, certificate));
    Ok(CredentialConfig::new().set_credential(from_files))
}

fn receive(registration: &Registration, options: &Arc<Options>) -> AnyResult<Outcome> {
    let credential = new_credential()?;
    let configuration = configure(registration, options, credential)?;
    let folder = std::env::temp_dir().join(format!("kith-bench-msquic-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(folder);

    let (tell, told) = channel::<Outcome>();
    let heard = Arc::new(options.clone());
    let is_stream = options.mode == "stream";
    let is_resuming = options.mode == "resumed";
    let listener = Listener::open(registration, move |_, event| {
        if let ListenerEvent::NewConnection { connection, .. } = event {
            let (tell, options) = (tell.clone(), heard.clone());
            connection.set_callback_handler(move |connection: ConnectionRef, event| {
                match event {
                    ConnectionEvent::PeerStreamStarted { stream, .. } if is_stream => {
                        count_stream(stream, connection, &options, tell.clone());
                    }
                    ConnectionEvent::PeerStreamStarted { stream, .. } => echo(stream),
                    ConnectionEvent::Connected { .. } if is_resuming => give_ticket(&connection),
                    ConnectionEvent::ShutdownComplete { .. } => {
                        let _ = tell.send(Outcome::default());
                        drop(unsafe { Connection::from_raw(connection.as_raw()) });
                    }
                    _ => {}
                }
                Ok(())
            });
            connection.set_configuration(&configuration)?;
        }
        Ok(())
    })?;
    let address = SocketAddr::new(options.address.parse()?, options.port);
    listener.start(&alpn(), Some(&Addr::from(address)))?;
    say_listening(listener.get_local_addr()?.port());
    wait(&told, options)
}

fn give_ticket(connection: &Connection) {
    let give = Api::get_ffi().ConnectionSendResumptionTicket.expect("a table that is filled");
    unsafe { give(connection.as_raw(), QUIC_SEND_RESUMPTION_FLAG_FINAL, 0, std::ptr::null()) };
}

fn wait(told: &Receiver<Outcome>, options: &Options) -> AnyResult<Outcome> {
    if options.mode == "stream" {
        let outcome = told.recv()?;
        let _ = told.recv_timeout(Duration::from_secs(2)); // the connection's end
        return Ok(outcome);
    }
    let is_many = options.mode == "handshakes" || options.mode == "resumed";
    let connections = if is_many { options.count } else { 1 };
    let mut start = Instant::now();
    for number in 0..connections {
        told.recv()?;
        if number == 0 {
            start = Instant::now();
        }
    }
    Ok(Outcome { took: start.elapsed(), messages: connections as u64, ..Outcome::default() })
}

// From the first byte to the last, or until `seconds` have passed.
fn count_stream(
    stream: StreamRef,
    connection: ConnectionRef,
    options: &Arc<Options>,
    tell: Sender<Outcome>,
) {
    let options = options.clone();
    let raw = unsafe { connection.as_raw() };
    let start = Instant::now();
    let mut bytes = 0u64;
    let mut is_told = false;
    stream.set_callback_handler(move |stream: StreamRef, event| {
        let mut is_end = false;
        match event {
            StreamEvent::Receive { total_buffer_length, .. } => bytes += *total_buffer_length,
            StreamEvent::PeerSendShutdown => is_end = true,
            StreamEvent::ShutdownComplete { .. } => close_stream(&stream),
            _ => return Ok(()),
        }
        is_end = is_end || (options.bytes == 0 && start.elapsed() >= options.limit());
        if is_end && !is_told {
            is_told = true;
            let _ = tell.send(Outcome { bytes, took: start.elapsed(), ..Outcome::default() });
            close_connection(&borrowed(raw));
        }
        Ok(())
    });
}

fn echo(stream: StreamRef) {
    let mut heard = Vec::new();
    let mut said: Option<Box<(Vec<u8>, [BufferRef; 1])>> = None;
    stream.set_callback_handler(move |stream: StreamRef, event| {
        match event {
            StreamEvent::Receive { buffers, .. } => {
                for buffer in buffers {
                    heard.extend_from_slice(buffer.as_bytes());
                }
            }
            StreamEvent::PeerSendShutdown => {
                let bytes = std::mem::take(&mut heard);
                let buffers = [BufferRef::from(bytes.as_slice())];
                let answer = said.insert(Box::new((bytes, buffers)));
                unsafe { stream.send(&answer.1, SendFlags::FIN, std::ptr::null()) }?;
            }
            StreamEvent::ShutdownComplete { .. } => close_stream(&stream),
            _ => {}
        }
        Ok(())
    });
}
