//! A gateway that behaves like the stock server as it was observed, and misbehaves when told to.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use ingest::gateway::wire::puppet_server::{Puppet, PuppetServer};
use ingest::gateway::wire::*;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::{TcpListenerStream, UnboundedReceiverStream};
use tokio_stream::{Stream, StreamExt};
use tonic::transport::Server;
use tonic::{Code, Request, Response, Status};

const HEARTBEAT: &str = r#"{"data":"Wechaty Puppet gRPC stream connect successfully"}"#;

/// How it behaves. Changed at any time through [`FakeGateway::with`].
pub struct Behaviour {
    pub account: Option<String>,
    pub scan: Option<String>,
    pub heartbeat: bool,
    pub ready: bool,
    /// `None`: never answers a ding.
    pub dong_after: Option<Duration>,
    /// After its client is gone, the old stream still counts for so long.
    pub half_open: Duration,
    /// Calls for a payload never come back.
    pub payloads_hang: bool,
    pub messages: HashMap<String, MessagePayloadResponse>,
    /// Those who are not here it does not know.
    pub contacts: HashMap<String, ContactPayloadResponse>,
    pub rooms: HashMap<String, RoomPayloadResponse>,
    /// What was called, in order.
    pub calls: Vec<String>,
    /// Events with nobody there to take them.
    pub dropped: usize,
    stream: Option<mpsc::UnboundedSender<Result<EventResponse, Status>>>,
    gone_since: Option<Instant>,
}

#[derive(Clone)]
pub struct Fake {
    token: String,
    state: Arc<Mutex<Behaviour>>,
}

pub struct FakeGateway {
    pub address: String,
    fake: Fake,
    task: JoinHandle<()>,
}

impl FakeGateway {
    pub async fn start(token: &str) -> Self {
        let behaviour = Behaviour {
            account: Some("me".into()),
            scan: None,
            heartbeat: true,
            ready: true,
            dong_after: Some(Duration::ZERO),
            half_open: Duration::ZERO,
            payloads_hang: false,
            messages: HashMap::new(),
            contacts: HashMap::new(),
            rooms: HashMap::new(),
            calls: Vec::new(),
            dropped: 0,
            stream: None,
            gone_since: None,
        };
        let fake = Fake { token: token.to_owned(), state: Arc::new(Mutex::new(behaviour)) };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = Server::builder().add_service(PuppetServer::new(fake.clone()));
        let task = tokio::spawn(async move {
            server.serve_with_incoming(TcpListenerStream::new(listener)).await.unwrap();
        });
        Self { address, fake, task }
    }

    pub fn with<T>(&self, change: impl FnOnce(&mut Behaviour) -> T) -> T {
        change(&mut self.fake.lock())
    }

    /// An event to whoever is there; nobody is there: it is gone, as with the real one.
    pub fn emit(&self, number: i32, payload: &str) {
        self.fake.lock().emit(number, payload);
    }

    /// A message that exists, and its event.
    pub fn say(&self, message: MessagePayloadResponse) {
        let id = message.id.clone();
        self.with(|state| state.messages.insert(id.clone(), message));
        self.emit(2, &format!(r#"{{"messageId":"{id}"}}"#));
    }

    pub fn logout(&self) {
        self.with(|state| state.account = None);
        self.emit(26, r#"{"contactId":"me","data":"phone"}"#);
    }

    pub fn login(&self, account: &str) {
        self.with(|state| state.account = Some(account.to_owned()));
        self.emit(25, &format!(r#"{{"contactId":"{account}"}}"#));
    }

    /// Breaks the stream the way a dying server does.
    pub fn cut(&self) {
        let stream = self.with(|state| state.stream.take());
        stream.expect("nobody is there").send(Err(Status::unknown("h2 protocol error"))).unwrap();
    }
}

impl Drop for FakeGateway {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Behaviour {
    pub fn emit(&mut self, number: i32, payload: &str) {
        let event = EventResponse { r#type: number, payload: payload.to_owned(), seq: 0 };
        let sent = self.stream.as_ref().is_some_and(|stream| stream.send(Ok(event)).is_ok());
        self.dropped += usize::from(!sent);
    }

    fn occupied(&mut self) -> bool {
        match &self.stream {
            Some(stream) if !stream.is_closed() => true,
            Some(_) => {
                let gone_since = *self.gone_since.get_or_insert_with(Instant::now);
                gone_since.elapsed() < self.half_open
            }
            None => false,
        }
    }
}

impl Fake {
    fn lock(&self) -> MutexGuard<'_, Behaviour> {
        self.state.lock().unwrap()
    }

    /// The stock texts, with the caller's own headers echoed in the trailers, the secret one included.
    fn check<T>(&self, name: &str, request: &Request<T>) -> Result<(), Status> {
        let refuse =
            |text: String| Status::with_metadata(Code::Unauthenticated, text, request.metadata().clone());
        let Some(sent) = request.metadata().get("authorization") else {
            return Err(refuse("No Authorization found.".into()));
        };
        let sent = sent.to_str().unwrap();
        let Some(token) = sent.strip_prefix("Wechaty ") else {
            return Err(refuse(format!(
                "Invalid authorization type: \"{}\"",
                sent.split(' ').next().unwrap()
            )));
        };
        if token != self.token {
            return Err(refuse(format!("Invalid Wechaty TOKEN \"{token}\"")));
        }
        self.lock().calls.push(name.to_owned());
        Ok(())
    }

    fn open(&self) -> mpsc::UnboundedReceiver<Result<EventResponse, Status>> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut state = self.lock();
        (state.stream, state.gone_since) = (Some(sender), None);
        if state.heartbeat {
            state.emit(1, HEARTBEAT);
        }
        if let Some(account) = state.account.clone() {
            state.emit(25, &format!(r#"{{"contactId":"{account}"}}"#));
        }
        if let Some(qrcode) = state.scan.clone() {
            state.emit(22, &format!(r#"{{"qrcode":"{qrcode}","status":2}}"#));
        }
        if state.ready {
            let fake = self.clone();
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(100)).await;
                fake.lock().emit(23, r#"{"data":"ready"}"#);
            });
        }
        receiver
    }
}

fn missing(id: &str) -> Status {
    Status::unknown(format!(
        "Error: no payload found for id {id}\n    at Mocker.messagePayload (mocker.js:1:1)"
    ))
}

#[tonic::async_trait]
impl Puppet for Fake {
    type EventStream = Pin<Box<dyn Stream<Item = Result<EventResponse, Status>> + Send>>;

    async fn event(&self, request: Request<EventRequest>) -> Result<Response<Self::EventStream>, Status> {
        let EventRequest { seq, account_id } = request.get_ref();
        self.check(&format!("event({seq},{account_id})"), &request)?;
        if self.lock().occupied() {
            let text = "GrpcServerImpl.event() can not call twice.";
            return Err(Status::with_metadata(Code::AlreadyExists, text, request.metadata().clone()));
        }
        // The stock server sends headers only with the first event, so a stream that says nothing opens nothing.
        let mut events = UnboundedReceiverStream::new(self.open());
        let first = events.next().await;
        Ok(Response::new(Box::pin(tokio_stream::iter(first).chain(events))))
    }

    async fn start(&self, request: Request<StartRequest>) -> Result<Response<StartResponse>, Status> {
        self.check("start", &request)?;
        Ok(Response::new(StartResponse {}))
    }

    async fn version(&self, request: Request<VersionRequest>) -> Result<Response<VersionResponse>, Status> {
        self.check("version", &request)?;
        Ok(Response::new(VersionResponse { version: "0.0.0<0.0.0>".into() }))
    }

    async fn ding(&self, request: Request<DingRequest>) -> Result<Response<DingResponse>, Status> {
        self.check("ding", &request)?;
        let after = self.lock().dong_after;
        if let Some(after) = after {
            let (fake, data) = (self.clone(), request.into_inner().data);
            tokio::spawn(async move {
                tokio::time::sleep(after).await;
                fake.lock().emit(3, &format!(r#"{{"data":"{data}"}}"#));
            });
        }
        Ok(Response::new(DingResponse {}))
    }

    async fn dirty_payload(
        &self,
        request: Request<DirtyPayloadRequest>,
    ) -> Result<Response<DirtyPayloadResponse>, Status> {
        self.check("dirty_payload", &request)?;
        Ok(Response::new(DirtyPayloadResponse {}))
    }

    async fn message_payload(
        &self,
        request: Request<MessagePayloadRequest>,
    ) -> Result<Response<MessagePayloadResponse>, Status> {
        self.check("message_payload", &request)?;
        let hang = self.lock().payloads_hang;
        if hang {
            std::future::pending::<()>().await;
        }
        let id = request.into_inner().id;
        self.lock().messages.get(&id).cloned().map(Response::new).ok_or_else(|| missing(&id))
    }

    async fn message_send_text(
        &self,
        request: Request<MessageSendTextRequest>,
    ) -> Result<Response<MessageSendTextResponse>, Status> {
        self.check("message_send_text", &request)?;
        let MessageSendTextRequest { conversation_id, text, .. } = request.into_inner();
        let mut state = self.lock();
        let id = format!("own-{}", state.messages.len());
        let message = MessagePayloadResponse {
            id: id.clone(),
            talker_id: state.account.clone().unwrap_or_default(),
            room_id: conversation_id,
            text,
            r#type: 7,
            ..MessagePayloadResponse::default()
        };
        state.messages.insert(id.clone(), message);
        state.emit(2, &format!(r#"{{"messageId":"{id}"}}"#));
        Ok(Response::new(MessageSendTextResponse::default()))
    }

    async fn contact_list(
        &self,
        request: Request<ContactListRequest>,
    ) -> Result<Response<ContactListResponse>, Status> {
        self.check("contact_list", &request)?;
        Ok(Response::new(ContactListResponse { ids: vec!["me".into()] }))
    }

    async fn contact_payload(
        &self,
        request: Request<ContactPayloadRequest>,
    ) -> Result<Response<ContactPayloadResponse>, Status> {
        self.check("contact_payload", &request)?;
        let id = request.into_inner().id;
        self.lock().contacts.get(&id).cloned().map(Response::new).ok_or_else(|| missing(&id))
    }

    async fn room_list(
        &self,
        request: Request<RoomListRequest>,
    ) -> Result<Response<RoomListResponse>, Status> {
        self.check("room_list", &request)?;
        let known: Vec<String> = self.lock().rooms.keys().cloned().collect();
        let ids = if known.is_empty() { vec!["r1".into(), String::new()] } else { known };
        Ok(Response::new(RoomListResponse { ids }))
    }

    async fn room_payload(
        &self,
        request: Request<RoomPayloadRequest>,
    ) -> Result<Response<RoomPayloadResponse>, Status> {
        self.check("room_payload", &request)?;
        let id = request.into_inner().id;
        self.lock().rooms.get(&id).cloned().map(Response::new).ok_or_else(|| missing(&id))
    }

    async fn room_member_list(
        &self,
        request: Request<RoomMemberListRequest>,
    ) -> Result<Response<RoomMemberListResponse>, Status> {
        self.check("room_member_list", &request)?;
        let id = request.into_inner().id;
        let members = self.lock().rooms.get(&id).map(|room| room.member_ids.clone());
        let members = members.map(|member_ids| RoomMemberListResponse { member_ids });
        members.map(Response::new).ok_or_else(|| missing(&id))
    }

    async fn room_member_payload(
        &self,
        request: Request<RoomMemberPayloadRequest>,
    ) -> Result<Response<RoomMemberPayloadResponse>, Status> {
        self.check("room_member_payload", &request)?;
        Err(missing(&request.into_inner().id))
    }

    async fn room_invitation_payload(
        &self,
        request: Request<RoomInvitationPayloadRequest>,
    ) -> Result<Response<RoomInvitationPayloadResponse>, Status> {
        self.check("room_invitation_payload", &request)?;
        Err(Status::unimplemented(""))
    }
}
