//! A behaviour that opens and accepts plain streams by protocol name.
//!
//! libp2p-stream would do, were it not that it drops inbound streams which arrive in a burst and
//! opens one stream at a time: `many` needs neither.

use std::collections::HashMap;
use std::convert::Infallible;
use std::task::{Context, Poll};

use futures::channel::{mpsc, oneshot};
use futures::future::{ready, Ready};
use futures::StreamExt;
use libp2p::core::transport::PortUse;
use libp2p::core::upgrade::{InboundUpgrade, OutboundUpgrade, UpgradeInfo};
use libp2p::core::Endpoint;
use libp2p::swarm::handler::{
    ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound,
};
use libp2p::swarm::{
    ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent, ConnectionId, FromSwarm,
    NetworkBehaviour, Stream, StreamProtocol, StreamUpgradeError, SubstreamProtocol, THandler,
    THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId};

type Opened = oneshot::Sender<Result<Stream, String>>;
pub type Request = (StreamProtocol, Opened);
pub type Inbound = (StreamProtocol, Stream);

/// Sends requests for streams to the handler of one connection.
#[derive(Clone)]
pub struct Opener(mpsc::UnboundedSender<Request>);

impl Opener {
    pub async fn open(&self, protocol: StreamProtocol) -> Result<Stream, String> {
        let (sender, receiver) = oneshot::channel();
        let sent = self.0.unbounded_send((protocol, sender));
        sent.map_err(|_| "the connection is closed".to_string())?;
        receiver.await.map_err(|_| "the connection closed".to_string())?
    }
}

pub struct Behaviour {
    served: Vec<StreamProtocol>,
    inbound: mpsc::UnboundedSender<Inbound>,
    openers: HashMap<ConnectionId, Opener>,
}

impl Behaviour {
    pub fn new(served: Vec<StreamProtocol>) -> (Self, mpsc::UnboundedReceiver<Inbound>) {
        let (inbound, accepted) = mpsc::unbounded();
        let openers = HashMap::new();
        (Self { served, inbound, openers }, accepted)
    }

    pub fn opener(&self, connection: ConnectionId) -> Option<Opener> {
        self.openers.get(&connection).cloned()
    }

    fn handler(&mut self, connection: ConnectionId) -> Handler {
        let (sender, requests) = mpsc::unbounded();
        self.openers.insert(connection, Opener(sender));
        Handler { served: self.served.clone(), inbound: self.inbound.clone(), requests }
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = Handler;
    type ToSwarm = Infallible;

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler(connection))
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler(connection))
    }

    fn on_swarm_event(&mut self, event: FromSwarm) {
        if let FromSwarm::ConnectionClosed(closed) = event {
            self.openers.remove(&closed.connection_id);
        }
    }

    fn on_connection_handler_event(
        &mut self,
        _: PeerId,
        _: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}

pub struct Handler {
    served: Vec<StreamProtocol>,
    inbound: mpsc::UnboundedSender<Inbound>,
    requests: mpsc::UnboundedReceiver<Request>,
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Infallible;
    type ToBehaviour = Infallible;
    type InboundProtocol = Named;
    type OutboundProtocol = Named;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = Opened;

    fn listen_protocol(&self) -> SubstreamProtocol<Named, ()> {
        SubstreamProtocol::new(Named(self.served.clone()), ())
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Named, Opened, Infallible>> {
        match self.requests.poll_next_unpin(cx) {
            Poll::Ready(Some((protocol, opened))) => {
                Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest {
                    protocol: SubstreamProtocol::new(Named(vec![protocol]), opened),
                })
            }
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    fn on_behaviour_event(&mut self, event: Infallible) {
        match event {}
    }

    fn on_connection_event(&mut self, event: ConnectionEvent<Named, Named, (), Opened>) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound {
                protocol, ..
            }) => {
                let _ = self.inbound.unbounded_send(protocol);
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound {
                protocol: (_, stream),
                info,
            }) => {
                let _ = info.send(Ok(stream));
            }
            ConnectionEvent::DialUpgradeError(DialUpgradeError { info, error }) => {
                let _ = info.send(Err(match error {
                    StreamUpgradeError::Timeout => "the negotiation timed out".to_string(),
                    StreamUpgradeError::NegotiationFailed => {
                        "the peer does not serve this protocol".to_string()
                    }
                    StreamUpgradeError::Io(error) => error.to_string(),
                    StreamUpgradeError::Apply(error) => match error {},
                }));
            }
            _ => {}
        }
    }
}

/// An upgrade that only picks a protocol and hands the stream over.
pub struct Named(Vec<StreamProtocol>);

impl UpgradeInfo for Named {
    type Info = StreamProtocol;
    type InfoIter = std::vec::IntoIter<StreamProtocol>;

    fn protocol_info(&self) -> Self::InfoIter {
        self.0.clone().into_iter()
    }
}

impl InboundUpgrade<Stream> for Named {
    type Output = Inbound;
    type Error = Infallible;
    type Future = Ready<Result<Inbound, Infallible>>;

    fn upgrade_inbound(self, stream: Stream, protocol: StreamProtocol) -> Self::Future {
        ready(Ok((protocol, stream)))
    }
}

impl OutboundUpgrade<Stream> for Named {
    type Output = Inbound;
    type Error = Infallible;
    type Future = Ready<Result<Inbound, Infallible>>;

    fn upgrade_outbound(self, stream: Stream, protocol: StreamProtocol) -> Self::Future {
        ready(Ok((protocol, stream)))
    }
}
