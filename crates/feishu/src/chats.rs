//! Which chats there are.

use reqwest::Method;
use serde::Deserialize;

use crate::ChatId;
use crate::client::FeishuClient;
use crate::error::FeishuError;
use crate::wire;

/// Chats a page (the most that Feishu gives).
const CHATS_PAGE: u32 = 100;
/// Pages read before giving up: 20,000 chats.
const PAGES_MAX: usize = 200;

/// A group that the bot is in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ChatInfo {
    pub chat_id: ChatId,
    #[serde(default)]
    pub name: String,
    /// `normal`, `dissolved` or `dissolved_save`.
    #[serde(default, rename = "chat_status")]
    pub status: String,
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    has_more: bool,
    #[serde(default, rename = "page_token")]
    next: String,
    #[serde(default)]
    items: Vec<ChatInfo>,
}

impl FeishuClient {
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
            let page: Page = wire::part(&answer, "/data")?;
            chats.extend(page.items);
            if !page.has_more {
                break;
            }
            token = page.next;
        }
        Ok(chats)
    }
}
