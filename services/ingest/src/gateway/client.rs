//! Calls to a gateway, each with a deadline: a frozen gateway keeps a call waiting for ever, and stock gateways set
//! none themselves.
//!
//! One client is one connection. It must not be kept beyond its session: whoever notices a break makes a new one.

use std::time::Duration;

use anyhow::Context as _;
use runtime::config;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Uri};
use tonic::{Request, Response, Status, Streaming};

use super::error::GatewayError;
use super::id::{ContactId, MessageId, RoomId};
use super::token::Token;
use super::wire;
use super::wire::puppet_client::PuppetClient;

/// Longest wait for a connection.
pub const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
/// Longest wait for one answer.
pub const CALL_DEADLINE: Duration = Duration::from_secs(5);
/// `Start` waits for the puppet, which servers give up on after 15 s.
pub const START_DEADLINE: Duration = Duration::from_secs(20);
/// Lists of everything may come from a slow puppet.
pub const LIST_DEADLINE: Duration = Duration::from_secs(30);

/// Without HTTP/2 pings a dead path is never noticed; with these in about 13 s.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(5);

/// Where a gateway is and how to get in.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `host:port`.
    pub address: String,
    /// What it accepts us by.
    pub token: Token,
    /// What protects the way there.
    pub security: Security,
    /// Sends the token in place of the host name as well: gateways of others, run without TLS, look for it there.
    pub token_as_authority: bool,
}

/// What protects the way to a gateway.
#[derive(Debug, Clone)]
pub enum Security {
    /// Nothing: loopback, or a private network.
    Plain,
    /// TLS with the gateway's own certificate authority. The certificate that stock gateways bring cannot be used: it
    /// is X.509 version 1, and its private key is public.
    Tls {
        /// PEM of the authority, or of the self-signed certificate itself.
        ca_pem: String,
        /// Name in the certificate.
        server_name: String,
    },
}

impl Settings {
    /// As configured.
    ///
    /// # Errors
    /// If the token, the certificate's file or the name in it cannot be used.
    pub fn of(config: &config::Gateway) -> anyhow::Result<Self> {
        let token = Token::parse(config.token.expose()).context("ingest.gateway.token")?;
        let security = match &config.tls_ca {
            None => Security::Plain,
            Some(file) => {
                let ca_pem = std::fs::read_to_string(file)
                    .with_context(|| format!("ingest.gateway.tls_ca: cannot read {}", file.display()))?;
                let server_name = config.tls_name.clone().or_else(|| name_in_token(config.token.expose()));
                let server_name = server_name.context(
                    "ingest.gateway.tls_name: expected, since the token names no server before a `_`",
                )?;
                Security::Tls { ca_pem, server_name }
            }
        };
        Ok(Self { address: config.endpoint.clone(), token, security, token_as_authority: false })
    }
}

/// A token of the form `SNI_UUID` names its server.
fn name_in_token(token: &str) -> Option<String> {
    token.trim().rsplit_once('_').map(|(name, _)| name.to_lowercase()).filter(|name| !name.is_empty())
}

/// Where a stream was left, for gateways of the juzi family that may replay. Others ignore it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resume {
    /// Number of the last event seen; 0 for none.
    pub seq: i32,
    /// The account it was for.
    pub account: Option<ContactId>,
}

#[derive(Clone)]
struct Authorization(Token);

impl Interceptor for Authorization {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.header());
        Ok(request)
    }
}

/// A connection to a gateway. Cheap to clone; clones share the connection.
#[derive(Clone)]
pub struct GatewayClient {
    inner: PuppetClient<InterceptedService<Channel, Authorization>>,
}

impl GatewayClient {
    /// Connects. That alone proves neither the token nor the security: the first call does.
    pub async fn connect(settings: &Settings) -> Result<Self, GatewayError> {
        let connecting = endpoint(settings)?;
        let channel = match tokio::time::timeout(CONNECT_DEADLINE, connecting.connect()).await {
            Ok(result) => result.map_err(|error| GatewayError::from_transport(&error))?,
            Err(_) => return Err(GatewayError::Deadline),
        };
        Ok(Self { inner: PuppetClient::with_interceptor(channel, Authorization(settings.token.clone())) })
    }

    /// Opens the gateway's only event stream. Waits without limit, since some gateways send nothing before the first
    /// event: the caller's state machine decides how long.
    pub async fn events(&self, resume: &Resume) -> Result<Streaming<wire::EventResponse>, GatewayError> {
        let request = wire::EventRequest {
            seq: resume.seq,
            account_id: resume.account.as_ref().map(|id| id.wire().into_owned()).unwrap_or_default(),
        };
        let answer = self.inner.clone().event(request).await;
        answer.map(Response::into_inner).map_err(|status| GatewayError::from_status(&status))
    }

    /// Starts the puppet; one that runs already says yes.
    pub async fn start(&self) -> Result<(), GatewayError> {
        within(START_DEADLINE, self.inner.clone().start(wire::StartRequest {})).await.map(drop)
    }

    /// Versions of the puppet and of its base, as one text.
    pub async fn version(&self) -> Result<String, GatewayError> {
        let answer = within(CALL_DEADLINE, self.inner.clone().version(wire::VersionRequest {})).await?;
        Ok(answer.version)
    }

    /// Provokes a dong event with the same data, which proves that the puppet's loop runs.
    pub async fn ding(&self, data: &str) -> Result<(), GatewayError> {
        let request = wire::DingRequest { data: data.to_owned() };
        within(CALL_DEADLINE, self.inner.clone().ding(request)).await.map(drop)
    }

    /// Makes the gateway forget its copy of a payload; the numbers are those of [`super::Event::Dirty`].
    pub async fn forget(&self, payload_type: i32, id: &str) -> Result<(), GatewayError> {
        let request = wire::DirtyPayloadRequest { r#type: payload_type, id: id.to_owned() };
        within(CALL_DEADLINE, self.inner.clone().dirty_payload(request)).await.map(drop)
    }

    /// A message's contents. Gateways keep some hundred messages; for an older id they answer like for any failure.
    pub async fn message(&self, id: &MessageId) -> Result<wire::MessagePayloadResponse, GatewayError> {
        let request = wire::MessagePayloadRequest { id: id.wire().into_owned() };
        within(CALL_DEADLINE, self.inner.clone().message_payload(request)).await
    }

    /// Ids of all contacts.
    pub async fn contacts(&self) -> Result<Vec<ContactId>, GatewayError> {
        let answer =
            within(LIST_DEADLINE, self.inner.clone().contact_list(wire::ContactListRequest {})).await?;
        Ok(answer.ids.into_iter().filter_map(ContactId::parse).collect())
    }

    /// What is known of a contact.
    pub async fn contact(&self, id: &ContactId) -> Result<wire::ContactPayloadResponse, GatewayError> {
        let request = wire::ContactPayloadRequest { id: id.wire().into_owned() };
        within(CALL_DEADLINE, self.inner.clone().contact_payload(request)).await
    }

    /// Ids of all rooms that our account is in, also of those where nobody has spoken yet.
    pub async fn rooms(&self) -> Result<Vec<RoomId>, GatewayError> {
        let answer = within(LIST_DEADLINE, self.inner.clone().room_list(wire::RoomListRequest {})).await?;
        Ok(answer.ids.into_iter().filter_map(RoomId::parse).collect())
    }

    /// What is known of a room. Just after a change of its topic this may still hold the old one.
    pub async fn room(&self, id: &RoomId) -> Result<wire::RoomPayloadResponse, GatewayError> {
        let request = wire::RoomPayloadRequest { id: id.wire().into_owned() };
        within(CALL_DEADLINE, self.inner.clone().room_payload(request)).await
    }

    /// Who is in a room.
    pub async fn members(&self, room: &RoomId) -> Result<Vec<ContactId>, GatewayError> {
        let request = wire::RoomMemberListRequest { id: room.wire().into_owned() };
        let answer = within(LIST_DEADLINE, self.inner.clone().room_member_list(request)).await?;
        Ok(answer.member_ids.into_iter().filter_map(ContactId::parse).collect())
    }

    /// What somebody is called in a room, and who brought them.
    pub async fn member(
        &self,
        room: &RoomId,
        member: &ContactId,
    ) -> Result<wire::RoomMemberPayloadResponse, GatewayError> {
        let request = wire::RoomMemberPayloadRequest {
            id: room.wire().into_owned(),
            member_id: member.wire().into_owned(),
        };
        within(CALL_DEADLINE, self.inner.clone().room_member_payload(request)).await
    }

    /// An invitation to a room that our account received.
    pub async fn invitation(&self, id: &str) -> Result<wire::RoomInvitationPayloadResponse, GatewayError> {
        let request = wire::RoomInvitationPayloadRequest { id: id.to_owned() };
        within(CALL_DEADLINE, self.inner.clone().room_invitation_payload(request)).await
    }

    /// Sends a text to a room. Some puppets give no id back; the message also comes in as an event, from ourselves.
    pub async fn send_text(&self, room: &RoomId, text: &str) -> Result<Option<MessageId>, GatewayError> {
        let request = wire::MessageSendTextRequest {
            conversation_id: room.wire().into_owned(),
            text: text.to_owned(),
            ..wire::MessageSendTextRequest::default()
        };
        let answer = within(CALL_DEADLINE, self.inner.clone().message_send_text(request)).await?;
        Ok(MessageId::parse(answer.id))
    }
}

async fn within<T>(
    deadline: Duration,
    call: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<T, GatewayError> {
    match tokio::time::timeout(deadline, call).await {
        Ok(Ok(response)) => Ok(response.into_inner()),
        Ok(Err(status)) => Err(GatewayError::from_status(&status)),
        Err(_) => Err(GatewayError::Deadline),
    }
}

fn endpoint(settings: &Settings) -> Result<Endpoint, GatewayError> {
    let scheme = match settings.security {
        Security::Plain => "http",
        Security::Tls { .. } => "https",
    };
    let mut endpoint = Endpoint::from_shared(format!("{scheme}://{}", settings.address))
        .map_err(|_| GatewayError::Settings { what: "address" })?
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .keep_alive_while_idle(true);
    if let Security::Tls { ca_pem, server_name } = &settings.security {
        let tls =
            ClientTlsConfig::new().ca_certificate(Certificate::from_pem(ca_pem)).domain_name(server_name);
        endpoint = endpoint.tls_config(tls).map_err(|_| GatewayError::Settings { what: "certificate" })?;
    }
    if settings.token_as_authority {
        let origin = format!("{scheme}://{}", settings.token.expose())
            .parse::<Uri>()
            .map_err(|_| GatewayError::Settings { what: "token as authority" })?;
        endpoint = endpoint.origin(origin);
    }
    Ok(endpoint)
}
