//! The node of the pubsub benchmark, `peer bench`, as interop/README.md describes it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures::StreamExt;
use libp2p::core::multiaddr::Protocol;
use libp2p::gossipsub::{self, ConfigBuilder, IdentTopic, MessageAuthenticity, ValidationMode};
use libp2p::swarm::{Config, NetworkBehaviour, Swarm, SwarmEvent};
use libp2p::{identify, Multiaddr, PeerId};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::gossip::{author_seqno_id, content_id, say};
use crate::host::{identity, transport, Failure};
use crate::options::Options;

const TOPIC: &str = "bench";
const MESSAGE_BYTES: usize = 256;
/// A receiver tells how far it is after so many.
const STEP: u32 = 64;
/// Above what a publisher may have under way: no queue of the library is full.
const QUEUE: usize = 16384;
/// Messages that are published before the swarm is polled again.
const AT_ONCE: u32 = 32;

#[derive(NetworkBehaviour)]
struct Behaviour {
    gossip: gossipsub::Behaviour,
    identify: identify::Behaviour,
}

pub async fn run(options: &Options) -> Result<(), Failure> {
    let mut swarm = make_swarm(options)?;
    let address = options.listen.as_deref().unwrap_or("/ip4/127.0.0.1/tcp/0");
    swarm.listen_on(address.parse()?)?;
    swarm.behaviour_mut().gossip.subscribe(&IdentTopic::new(TOPIC))?;
    let mut receiver = Receiver::default();
    let mut publisher = Publisher::default();
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    loop {
        let next = publisher.next_at();
        tokio::select! {
            event = swarm.select_next_some() => match event {
                SwarmEvent::NewListenAddr { address, .. } => {
                    let full = address.with(Protocol::P2p(*swarm.local_peer_id()));
                    say(json!({"event": "ready", "addresses": [full]}));
                }
                SwarmEvent::ConnectionEstablished { endpoint, .. } if endpoint.is_dialer() => {
                    say(json!({"event": "connected"}));
                }
                SwarmEvent::Behaviour(BehaviourEvent::Gossip(gossipsub::Event::Message {
                    message, ..
                })) => receiver.take(&message.data),
                _ => {}
            },
            line = lines.next_line() => {
                let Some(line) = line? else {
                    std::process::exit(0) // Returning would wait for the thread that reads stdin.
                };
                obey(&line, &mut swarm, &mut receiver, &mut publisher)?;
            }
            _ = until(next), if next.is_some() => publisher.publish(&mut swarm),
        }
    }
}

/// At once if it is past: the timer alone would round up to its next millisecond.
async fn until(at: Option<Instant>) {
    match at {
        Some(at) if at > Instant::now() => tokio::time::sleep_until(at.into()).await,
        _ => {}
    }
}

fn make_swarm(options: &Options) -> Result<Swarm<Behaviour>, Failure> {
    let key = identity(options)?;
    let peer = PeerId::from(key.public());
    let long = Duration::from_secs(60);
    let mut config = ConfigBuilder::default();
    config.flood_publish(true).connection_handler_queue_len(QUEUE);
    config.publish_queue_duration(long).forward_queue_duration(long);
    let authenticity = if options.unsigned {
        config.validation_mode(ValidationMode::Anonymous).message_id_fn(content_id);
        MessageAuthenticity::Anonymous
    } else {
        config.validation_mode(ValidationMode::Strict).message_id_fn(author_seqno_id);
        MessageAuthenticity::Signed(key.clone())
    };
    let about = identify::Config::new("ipfs/0.1.0".into(), key.public());
    let behaviour = Behaviour {
        gossip: gossipsub::Behaviour::new(authenticity, config.build()?)?,
        identify: identify::Behaviour::new(about),
    };
    let config = Config::with_tokio_executor().with_idle_connection_timeout(60 * long);
    Ok(Swarm::new(transport(options, &key)?, behaviour, peer, config))
}

fn obey(
    line: &str,
    swarm: &mut Swarm<Behaviour>,
    receiver: &mut Receiver,
    publisher: &mut Publisher,
) -> Result<(), Failure> {
    let words: Vec<_> = line.split(' ').collect();
    if let ["dial", address] = words[..] {
        return Ok(swarm.dial(address.parse::<Multiaddr>()?)?);
    }
    let numbers = words[1..].iter().map(|word| word.parse()).collect::<Result<Vec<u32>, _>>()?;
    match (words[0], &numbers[..]) {
        ("publish", &[phase, count, rate, window, limit_ms]) => {
            let limit = Duration::from_millis(limit_ms.into());
            let run = Run { phase, count, rate, window, limit, start: Instant::now() };
            *publisher = Publisher { run: Some(run), ..Default::default() };
        }
        ("ack", &[phase, seen]) => publisher.ack(phase, seen),
        ("expect", &[phase, count]) => receiver.expect(phase, count),
        ("report", &[phase]) => {
            receiver.begin(phase);
            receiver.report();
        }
        _ => return Err(format!("cannot do '{line}'").into()),
    }
    Ok(())
}

/// Ends after `count` messages or `limit`, whichever comes first; rate 0 is no pace.
struct Run {
    phase: u32,
    count: u32,
    rate: u32,
    window: u32,
    limit: Duration,
    start: Instant,
}

#[derive(Default)]
struct Publisher {
    run: Option<Run>,
    index: u32,
    acked: u32,
    refused: u32,
}

impl Publisher {
    fn ack(&mut self, phase: u32, seen: u32) {
        if self.run.as_ref().is_some_and(|run| run.phase == phase) {
            self.acked = seen;
        }
    }

    /// Nothing while there is nothing to publish, or no room in the window.
    fn next_at(&self) -> Option<Instant> {
        let run = self.run.as_ref()?;
        if self.index >= self.acked + run.window {
            return None;
        }
        let pace = Duration::from_secs(self.index.into()).checked_div(run.rate);
        Some(run.start + pace.unwrap_or_default())
    }

    fn publish(&mut self, swarm: &mut Swarm<Behaviour>) {
        let Some(run) = &self.run else { return };
        let most = if run.rate > 0 { 1 } else { AT_ONCE };
        let end = run.count.min(self.index + most).min(self.acked + run.window);
        let is_late = run.start.elapsed() >= run.limit;
        while self.index < end && !is_late {
            let mut data = vec![0; MESSAGE_BYTES];
            data[..4].copy_from_slice(&run.phase.to_le_bytes());
            data[4..8].copy_from_slice(&self.index.to_le_bytes());
            data[8..16].copy_from_slice(&now_ns().to_le_bytes());
            let gossip = &mut swarm.behaviour_mut().gossip;
            if gossip.publish(IdentTopic::new(TOPIC), data).is_err() {
                self.refused += 1;
            }
            self.index += 1;
        }
        if self.index >= run.count || is_late {
            say(json!({
                "event": "published", "phase": run.phase, "count": self.index,
                "refused": self.refused,
            }));
            self.run = None;
        }
    }
}

#[derive(Default)]
struct Receiver {
    phase: u32,
    indexes: Vec<bool>,
    count: u32,
    copies: u32,
    told: u32,
    expected: Option<u32>,
    first: u64,
    last: u64,
    delays: Vec<u64>,
}

impl Receiver {
    fn begin(&mut self, phase: u32) {
        if phase != self.phase {
            *self = Self { phase, ..Default::default() };
        }
    }

    fn expect(&mut self, phase: u32, count: u32) {
        self.begin(phase);
        self.expected = Some(count);
        if self.count >= count {
            self.report();
        }
    }

    fn take(&mut self, data: &[u8]) {
        let now = now_ns();
        let number = |at: usize| u32::from_le_bytes(data[at..at + 4].try_into().unwrap());
        let (phase, index) = (number(0), number(4));
        let sent = u64::from_le_bytes(data[8..16].try_into().unwrap());
        if phase < self.phase {
            return; // A straggler.
        }
        self.begin(phase);
        let place = index as usize;
        if place >= self.indexes.len() {
            self.indexes.resize(2 * place + 1, false);
        }
        if self.indexes[place] {
            self.copies += 1;
            return;
        }
        self.indexes[place] = true;
        self.first = if self.count == 0 { sent } else { self.first.min(sent) };
        self.count += 1;
        self.last = now;
        self.delays.push(now.saturating_sub(sent));
        if index == 0 || index + 1 >= self.told + STEP {
            self.told = self.told.max(index + 1);
            say(json!({"event": "progress", "phase": phase, "seen": self.told}));
        }
        if self.expected == Some(self.count) {
            self.report();
        }
    }

    fn report(&mut self) {
        self.delays.sort_unstable();
        let at = |share: f64| match self.delays.len() {
            0 => 0.0,
            count => self.delays[(share * (count - 1) as f64) as usize] as f64 / 1000.0,
        };
        say(json!({
            "event": "report", "phase": self.phase, "count": self.count, "copies": self.copies,
            "seconds": self.last.saturating_sub(self.first) as f64 / 1e9,
            "p50_us": at(0.5), "p99_us": at(0.99),
        }));
    }
}

fn now_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64
}
