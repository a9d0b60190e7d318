//! rust-libp2p interop peer: `listen`, `dial`, `pubsub` and `bench`, as interop/README.md
//! describes.

mod bench;
mod dial_tests;
mod fates;
mod gossip;
mod host;
mod options;
mod streams;

use std::process::exit;
use std::time::Duration;

use futures::StreamExt;
use libp2p::core::multiaddr::Protocol;
use libp2p::swarm::SwarmEvent;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::signal::unix::{signal, SignalKind};

use host::{make_host, Failure, Role};
use options::{Options, USAGE};

#[tokio::main]
async fn main() {
    let parsed = Options::parse(std::env::args().skip(1).collect());
    let (words, options) = parsed.unwrap_or_else(|error| usage(&error));
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["listen"] => {
            if let Err(error) = listen(&options).await {
                eprintln!("peer: {error}");
                exit(1);
            }
        }
        ["pubsub"] => {
            if let Err(error) = gossip::run(&options).await {
                eprintln!("peer: {error}");
                exit(1);
            }
        }
        ["bench"] => {
            if let Err(error) = bench::run(&options).await {
                eprintln!("peer: {error}");
                exit(1);
            }
        }
        ["dial", address, test] => dial(address, test, &options).await,
        _ => usage(&format!("cannot do '{}'", words.join(" "))),
    }
}

fn usage(error: &str) -> ! {
    eprintln!("peer: {error}\n{USAGE}");
    exit(2)
}

async fn listen(options: &Options) -> Result<(), Failure> {
    let mut host = make_host(options, Role::Listener)?;
    let address = options.listen.as_deref().unwrap_or("/ip4/127.0.0.1/tcp/0");
    host.listen_on(address.parse()?)?;
    let peer = *host.local_peer_id();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut input = tokio::io::stdin();
    let mut discarded = [0; 256];
    loop {
        tokio::select! {
            event = host.select_next_some() => {
                if let SwarmEvent::NewListenAddr { address, .. } = event {
                    let full = address.with(Protocol::P2p(peer));
                    println!("{}", json!({"peer_id": peer.to_string(), "addresses": [full]}));
                }
            }
            read = input.read(&mut discarded) => {
                if matches!(read, Ok(0) | Err(_)) {
                    exit(0); // Returning would wait for the thread that reads stdin.
                }
            }
            _ = terminate.recv() => exit(0),
            _ = interrupt.recv() => exit(0),
        }
    }
}

async fn dial(address: &str, test: &str, options: &Options) {
    let limit = Duration::from_secs(options.number("timeout", 60));
    let run = tokio::time::timeout(limit, dial_tests::run(test, address, options));
    let measured = run.await.unwrap_or_else(|_| Err(format!("no result in {limit:?}").into()));
    let ok = measured.is_ok();
    let mut report = measured.unwrap_or_else(|error| json!({"error": error.to_string()}));
    report["test"] = json!(test);
    report["ok"] = json!(ok);
    println!("{report}");
    exit(if ok { 0 } else { 1 })
}
