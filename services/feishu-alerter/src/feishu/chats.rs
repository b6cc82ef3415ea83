//! Reading back: whether a card is in a chat, and which chats there are.

use chrono::{DateTime, Utc};
use reqwest::Method;
use serde::Deserialize;

use super::client::FeishuClient;
use super::error::FeishuError;
use super::wire;
use super::{ChatId, MessageId};
use crate::uuid::CardUuid;

/// Messages a page (the most that Feishu gives).
const HISTORY_PAGE: u32 = 50;
/// Chats a page (the most that Feishu gives).
const CHATS_PAGE: u32 = 100;
/// Pages read before a search gives up: 10,000 messages.
const PAGES_MAX: usize = 200;

/// The outcome of looking for a card in a chat's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MarkerSearch {
    /// It is there.
    Found(MessageId),
    /// Every message since then was read, and it is not among them.
    Absent,
    /// It cannot be said: a message of ours was recalled, which hides its content, or there were too many pages.
    Unsure,
}

/// A group that the bot is in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ChatInfo {
    /// Its id.
    pub chat_id: ChatId,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// `normal`, `dissolved` or `dissolved_save`.
    #[serde(default, rename = "chat_status")]
    pub status: String,
}

#[derive(Deserialize)]
struct Page<T> {
    #[serde(default)]
    has_more: bool,
    #[serde(default, rename = "page_token")]
    next: String,
    #[serde(default = "Vec::new")]
    items: Vec<T>,
}

#[derive(Deserialize)]
struct Item {
    message_id: MessageId,
    #[serde(default)]
    deleted: bool,
    sender: Sender,
    #[serde(default)]
    body: Body,
}

#[derive(Deserialize)]
struct Sender {
    #[serde(default)]
    id: String,
}

#[derive(Deserialize, Default)]
struct Body {
    #[serde(default)]
    content: String,
}

impl FeishuClient {
    /// Looks for a card of ours that carries `marker` among the chat's messages since `since`.
    ///
    /// Oldest first: what is written meanwhile comes at the end and shifts no page.
    pub async fn find_marker(
        &self,
        chat: &ChatId,
        since: DateTime<Utc>,
        marker: &CardUuid,
    ) -> Result<MarkerSearch, FeishuError> {
        let (mut token, mut hidden) = (String::new(), false);
        for _ in 0..PAGES_MAX {
            let page = self.history_page(chat, since, &token).await?;
            for item in page.items.into_iter().filter(|item| item.sender.id == self.app_id()) {
                if item.body.content.contains(marker.as_str()) {
                    return Ok(MarkerSearch::Found(item.message_id));
                }
                hidden |= item.deleted;
            }
            if !page.has_more {
                return Ok(if hidden { MarkerSearch::Unsure } else { MarkerSearch::Absent });
            }
            token = page.next;
        }
        Ok(MarkerSearch::Unsure)
    }

    async fn history_page(
        &self,
        chat: &ChatId,
        since: DateTime<Utc>,
        page_token: &str,
    ) -> Result<Page<Item>, FeishuError> {
        // Seconds, unlike every other time of this API.
        let start = since.timestamp().to_string();
        let page_size = HISTORY_PAGE.to_string();
        let mut query = vec![
            ("container_id_type", "chat"),
            ("container_id", chat.as_str()),
            ("start_time", &start),
            ("sort_type", "ByCreateTimeAsc"),
            ("page_size", &page_size),
            // Without this a card comes back as a sentence that asks to upgrade the client.
            ("card_msg_content_type", "user_card_content"),
        ];
        if !page_token.is_empty() {
            query.push(("page_token", page_token));
        }
        let path = "/open-apis/im/v1/messages";
        let answer = self.call(|| self.request(Method::GET, path).query(&query)).await?;
        wire::part(&answer, "/data")
    }

    /// Every group that the bot is in; private chats are not among them.
    pub async fn list_chats(&self) -> Result<Vec<ChatInfo>, FeishuError> {
        let (mut chats, mut token) = (Vec::new(), String::new());
        for _ in 0..PAGES_MAX {
            let page_size = CHATS_PAGE.to_string();
            let mut query = vec![("page_size", page_size.as_str()), ("sort_type", "ByCreateTimeAsc")];
            if !token.is_empty() {
                query.push(("page_token", &token));
            }
            let path = "/open-apis/im/v1/chats";
            let answer = self.call(|| self.request(Method::GET, path).query(&query)).await?;
            let page: Page<ChatInfo> = wire::part(&answer, "/data")?;
            chats.extend(page.items);
            if !page.has_more {
                break;
            }
            token = page.next;
        }
        Ok(chats)
    }
}
