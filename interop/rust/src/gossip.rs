//! The gossip peer, `peer pubsub`, as interop/README.md describes it: commands come line by line on
//! standard input, what happens goes to standard output as one JSON object a line.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use futures::StreamExt;
use libp2p::core::multiaddr::Protocol;
use libp2p::gossipsub::{
    self, ConfigBuilder, IdentTopic, MessageAcceptance, MessageAuthenticity, MessageId,
    MetricsConfig, TopicHash, ValidationMode,
};
use libp2p::identity::Keypair;
use libp2p::swarm::{Config, NetworkBehaviour, Swarm, SwarmEvent};
use libp2p::{identify, ping, Multiaddr, PeerId};
use prometheus_client::registry::Registry;
use serde_json::{json, Value};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::host::{identity, transport, Failure};
use crate::options::Options;

const LARGE_BYTES: usize = 1024;
const MESSAGE_BYTES_MAX: usize = 1 << 20;
/// The library has no event for changes of a mesh, so it is looked at.
const MESH_LOOK: Duration = Duration::from_millis(50);

#[derive(NetworkBehaviour)]
struct Behaviour {
    gossip: gossipsub::Behaviour,
    identify: identify::Behaviour,
    ping: ping::Behaviour,
}

struct Gossiper {
    swarm: Swarm<Behaviour>,
    metrics: Registry,
    topics: BTreeSet<String>,
    holding: HashSet<TopicHash>,
    held: HashMap<MessageId, (TopicHash, PeerId)>,
    mesh: BTreeSet<(String, PeerId)>, // As it was told last.
}

pub async fn run(options: &Options) -> Result<(), Failure> {
    let key = identity(options)?;
    let mut metrics = Registry::default();
    let swarm = make_swarm(options, &key, &mut metrics)?;
    let mut gossiper = Gossiper {
        swarm,
        metrics,
        topics: BTreeSet::new(),
        holding: HashSet::new(),
        held: HashMap::new(),
        mesh: BTreeSet::new(),
    };
    let address = options.listen.as_deref().unwrap_or("/ip4/127.0.0.1/tcp/0");
    gossiper.swarm.listen_on(address.parse()?)?;
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut look = tokio::time::interval(MESH_LOOK);
    loop {
        tokio::select! {
            event = gossiper.swarm.select_next_some() => gossiper.on_event(event),
            _ = look.tick() => gossiper.tell_mesh(),
            line = lines.next_line() => {
                let Some(line) = line? else {
                    std::process::exit(0) // Returning would wait for the thread that reads stdin.
                };
                if let Err(error) = gossiper.obey(&line) {
                    let error = error.to_string();
                    say(json!({"event": "error", "error": error, "command": line}));
                }
            }
        }
    }
}

fn make_swarm(
    options: &Options,
    key: &Keypair,
    metrics: &mut Registry,
) -> Result<Swarm<Behaviour>, Failure> {
    let peer = PeerId::from(key.public());
    let mut config = ConfigBuilder::default();
    config.validate_messages().do_px().max_transmit_size(2 * MESSAGE_BYTES_MAX);
    config.heartbeat_initial_delay(Duration::from_millis(100));
    let authenticity = if options.unsigned {
        config.validation_mode(ValidationMode::Anonymous).message_id_fn(content_id);
        MessageAuthenticity::Anonymous
    } else {
        config.validation_mode(ValidationMode::Strict).message_id_fn(author_seqno_id);
        MessageAuthenticity::Signed(key.clone())
    };
    let gossip = gossipsub::Behaviour::new(authenticity, config.build()?)?
        .with_metrics(metrics, MetricsConfig::default());
    let about = identify::Config::new_with_signed_peer_record("ipfs/0.1.0".into(), key)
        .with_agent_version("kith-interop-rust".into());
    let behaviour = Behaviour {
        gossip,
        identify: identify::Behaviour::new(about),
        ping: ping::Behaviour::default(),
    };
    let config =
        Config::with_tokio_executor().with_idle_connection_timeout(Duration::from_secs(3600));
    Ok(Swarm::new(transport(options, key)?, behaviour, peer, config))
}

/// The specification's rule; the library's own is another.
pub fn author_seqno_id(message: &gossipsub::Message) -> MessageId {
    let mut id = message.source.map(|source| source.to_bytes()).unwrap_or_default();
    id.extend(message.sequence_number.unwrap_or_default().to_be_bytes());
    MessageId::from(id)
}

/// Kith's rule for unsigned messages.
pub fn content_id(message: &gossipsub::Message) -> MessageId {
    let topic = message.topic.as_str();
    let mut hash = Sha256::new();
    hash.update((topic.len() as u64).to_le_bytes());
    hash.update(topic);
    hash.update(&message.data);
    MessageId::new(&hash.finalize()[..20])
}

pub fn say(event: Value) {
    println!("{event}");
}

impl Gossiper {
    fn on_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::NewListenAddr { address, .. } => {
                let peer = *self.swarm.local_peer_id();
                let full = address.with(Protocol::P2p(peer));
                say(json!({
                    "event": "ready", "peer_id": peer.to_string(), "addresses": [full],
                }));
            }
            SwarmEvent::ConnectionEstablished { peer_id, .. } => {
                say(json!({"event": "connected", "peer": peer_id.to_string()}));
            }
            SwarmEvent::Behaviour(BehaviourEvent::Gossip(gossipsub::Event::Message {
                propagation_source,
                message_id,
                message,
            })) => self.on_message(propagation_source, message_id, message),
            _ => {}
        }
    }

    fn on_message(&mut self, from: PeerId, id: MessageId, message: gossipsub::Message) {
        if message.data.len() >= LARGE_BYTES && self.holding.contains(&message.topic) {
            say(json!({
                "event": "held", "topic": message.topic.as_str(), "id": id.to_string(),
            }));
            self.held.insert(id, (message.topic, from));
            return;
        }
        self.accept(&id, &from);
        say(json!({
            "event": "message", "topic": message.topic.as_str(), "id": id.to_string(),
            "from": message.source.map(|source| source.to_string()),
            "data": String::from_utf8_lossy(&message.data),
        }));
    }

    fn accept(&mut self, id: &MessageId, from: &PeerId) {
        let gossip = &mut self.swarm.behaviour_mut().gossip;
        gossip.report_message_validation_result(id, from, MessageAcceptance::Accept);
    }

    fn obey(&mut self, line: &str) -> Result<(), Failure> {
        let words: Vec<_> = line.splitn(3, ' ').collect();
        let gossip = &mut self.swarm.behaviour_mut().gossip;
        match words[..] {
            ["dial", address] => self.swarm.dial(address.parse::<Multiaddr>()?)?,
            ["subscribe", topic] => {
                self.topics.insert(topic.into());
                gossip.subscribe(&IdentTopic::new(topic))?;
            }
            ["unsubscribe", topic] => {
                self.topics.remove(topic);
                gossip.unsubscribe(&IdentTopic::new(topic));
            }
            ["publish", topic, data] => {
                gossip.publish(IdentTopic::new(topic), data.as_bytes())?;
            }
            ["hold", topic] => {
                self.holding.insert(IdentTopic::new(topic).hash());
            }
            ["release", topic] => {
                let topic = IdentTopic::new(topic).hash();
                self.holding.remove(&topic);
                let (now, later) =
                    std::mem::take(&mut self.held).into_iter().partition(|(_, at)| at.0 == topic);
                self.held = later;
                let now: HashMap<MessageId, (TopicHash, PeerId)> = now;
                for (id, (_, from)) in now {
                    self.accept(&id, &from);
                }
            }
            ["counts", topic] => self.tell_counts(topic)?,
            _ => return Err(format!("cannot do '{line}'").into()),
        }
        Ok(())
    }

    fn tell_mesh(&mut self) {
        let gossip = &self.swarm.behaviour().gossip;
        let mut mesh = BTreeSet::new();
        for topic in &self.topics {
            let hash = IdentTopic::new(topic.as_str()).hash();
            mesh.extend(gossip.mesh_peers(&hash).map(|peer| (topic.clone(), *peer)));
        }
        for (topic, peer) in mesh.difference(&self.mesh) {
            say(json!({"event": "graft", "topic": topic, "peer": peer.to_string()}));
        }
        for (topic, peer) in self.mesh.difference(&mesh) {
            say(json!({"event": "prune", "topic": topic, "peer": peer.to_string()}));
        }
        self.mesh = mesh;
    }

    /// The library's metrics are all that tells of copies and of IDONTWANT; they know no ids.
    fn tell_counts(&self, topic: &str) -> Result<(), Failure> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.metrics)?;
        let copies = format!("topic_msg_recv_counts_unfiltered_total{{hash=\"{topic}\"}} ");
        let value = |name: &str| {
            let found = text.lines().find_map(|line| line.strip_prefix(name));
            found.map_or(Ok(0), |value| value.trim().parse::<u64>())
        };
        say(json!({
            "event": "counts", "topic": topic, "copies": value(&copies)?,
            "idontwants": value("idontwant_msgs_ids_total ")?, "ids": null,
        }));
        Ok(())
    }
}
