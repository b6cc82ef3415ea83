//! The calls: send, update, urgent push, upload. Each has a deadline, and a refused token is replaced once.

use chrono::{DateTime, Utc};
use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::{FeishuError, RetryCause};
use crate::token::TokenCache;
use crate::wire;
use crate::{CardUuid, ChatId, Credentials, ImageKey, MessageId, Now, OpenId, OutgoingMessage};

/// Who gets a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receiver {
    /// A chat by its id.
    Chat(ChatId),
    /// The private chat with a person.
    Person(OpenId),
}

impl Receiver {
    fn id_type(&self) -> &'static str {
        match self {
            Self::Chat(_) => "chat_id",
            Self::Person(_) => "open_id",
        }
    }

    fn id(&self) -> &str {
        match self {
            Self::Chat(id) => id.as_str(),
            Self::Person(id) => id.as_str(),
        }
    }
}

/// What Feishu says of a message that it has sent, now or under the same uuid before.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Sent {
    pub message_id: MessageId,
}

/// Feishu's API with one bot's credentials.
pub struct FeishuClient {
    http: reqwest::Client,
    base: String,
    credentials: Credentials,
    tokens: TokenCache,
    now: Now,
}

impl std::fmt::Debug for FeishuClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FeishuClient")
            .field("base", &self.base)
            .field("app_id", &self.credentials.app_id)
            .finish_non_exhaustive()
    }
}

impl FeishuClient {
    /// `base` is `https://open.feishu.cn`, `https://open.larksuite.com`, or a simulator, without a trailing slash.
    pub fn new(http: reqwest::Client, base: impl Into<String>, credentials: Credentials, now: Now) -> Self {
        let mut base = base.into();
        base.truncate(base.trim_end_matches('/').len());
        Self { http, base, credentials, tokens: TokenCache::default(), now }
    }

    /// The bot's app id, which callbacks must carry.
    pub fn app_id(&self) -> &str {
        &self.credentials.app_id
    }

    /// Sends a message, at most once per `uuid` and hour; not at all if the call cannot begin before `end`.
    pub async fn send(
        &self,
        to: &Receiver,
        message: &OutgoingMessage,
        uuid: &CardUuid,
        end: DateTime<Utc>,
    ) -> Result<Sent, FeishuError> {
        let body = json!({"receive_id": to.id(), "msg_type": message.msg_type.as_str(),
            "content": message.content, "uuid": uuid.as_str()});
        let answer = self
            .call_before(end, || {
                let request = self.request(Method::POST, "/open-apis/im/v1/messages");
                request.query(&[("receive_id_type", to.id_type())]).json(&body)
            })
            .await?;
        wire::part(&answer, "/data")
    }

    /// Replaces a card that we sent, unless the call cannot begin before `end`. It is silent: nobody is notified.
    pub async fn update_card(
        &self,
        message_id: &MessageId,
        card: &OutgoingMessage,
        end: DateTime<Utc>,
    ) -> Result<(), FeishuError> {
        let path = format!("/open-apis/im/v1/messages/{}", path_segment(message_id.as_str()));
        let body = json!({"content": card.content});
        self.call_before(end, || self.request(Method::PATCH, &path).json(&body)).await.map(drop)
    }

    /// Pushes an urgent notice (加急) about a message of ours: a notice that stays until they look. Returns those who cannot be
    /// reached: they are not in the chat, or not known. Pushed twice is seen twice, and harmless.
    pub async fn push_urgent(
        &self,
        message_id: &MessageId,
        people: &[OpenId],
    ) -> Result<Vec<String>, FeishuError> {
        let path = format!("/open-apis/im/v1/messages/{}/urgent_app", path_segment(message_id.as_str()));
        let body = json!({"user_id_list": people});
        let answer = self
            .call(|| self.request(Method::PATCH, &path).query(&[("user_id_type", "open_id")]).json(&body))
            .await?;
        let unreached = answer.pointer("/data/invalid_user_id_list").cloned().unwrap_or_default();
        Ok(serde_json::from_value(unreached).unwrap_or_default())
    }

    /// Uploads a picture (PNG) and gives the key by which cards show it.
    pub async fn upload(&self, png: &[u8]) -> Result<ImageKey, FeishuError> {
        let form = || {
            let picture = Part::bytes(png.to_vec()).file_name("picture.png");
            Form::new().text("image_type", "message").part("image", picture)
        };
        let path = "/open-apis/im/v1/images";
        let answer = self.call(|| self.request(Method::POST, path).multipart(form())).await?;
        wire::part(&answer, "/data/image_key")
    }

    /// A request to a path below the base; the token is added when it is sent.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    /// Sends with a good token; if Feishu refuses the token, once more with a fresh one.
    pub(crate) async fn call(&self, request: impl Fn() -> RequestBuilder) -> Result<Value, FeishuError> {
        self.call_before(DateTime::<Utc>::MAX_UTC, request).await
    }

    /// The same, if it can begin before `end`. A process that was stopped meanwhile must not do what another one has
    /// done in its place.
    async fn call_before(
        &self,
        end: DateTime<Utc>,
        request: impl Fn() -> RequestBuilder,
    ) -> Result<Value, FeishuError> {
        let token = self.token().await.map_err(FeishuError::without_a_call)?;
        match self.exchange_before(end, request().bearer_auth(token.expose())).await {
            Err(error) if error.is_about_the_token() => {
                tracing::info!(error = %error, "Feishu refused the token; fetching another");
                self.tokens.forget(&token).await;
                let fresh = self.token().await.map_err(FeishuError::without_a_call)?;
                self.exchange_before(end, request().bearer_auth(fresh.expose())).await
            }
            outcome => outcome,
        }
    }

    async fn exchange_before(
        &self,
        end: DateTime<Utc>,
        request: RequestBuilder,
    ) -> Result<Value, FeishuError> {
        if (self.now)() >= end {
            return Err(FeishuError::retry(RetryCause::TooLate));
        }
        wire::exchange(request).await
    }

    pub(crate) async fn token(&self) -> Result<crate::Secret, FeishuError> {
        let now: DateTime<Utc> = (self.now)();
        self.tokens.get(&self.http, &self.base, &self.credentials, now).await
    }
}

/// An id inside a path: what could change the path is left out, so that a strange id finds nothing.
pub(crate) fn path_segment(id: &str) -> String {
    id.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')).collect()
}
