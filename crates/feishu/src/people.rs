//! Who somebody is: by the id that this app knows them by, and by mobile number or e-mail address.

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use crate::OpenId;
use crate::client::{FeishuClient, path_segment};
use crate::error::FeishuError;
use crate::wire;

/// Numbers, and addresses, of one look-up (the most that Feishu takes).
const AT_ONCE: usize = 50;

/// A number or an address that was looked up.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct LookedUp {
    /// The number, if one was asked for.
    #[serde(default)]
    pub mobile: String,
    /// The address, if one was asked for.
    #[serde(default)]
    pub email: String,
    /// Whose it is; `None`: nobody's that this app may see.
    #[serde(default, rename = "user_id")]
    pub open_id: Option<OpenId>,
}

#[derive(Deserialize)]
struct User {
    #[serde(default)]
    name: String,
}

impl FeishuClient {
    /// The name of a person, empty if the app may not see names. Needs a scope to read contacts.
    pub async fn person_name(&self, person: &OpenId) -> Result<String, FeishuError> {
        let path = format!("/open-apis/contact/v3/users/{}", path_segment(person.as_str()));
        let query = [("user_id_type", "open_id")];
        let answer = self.call(|| self.request(Method::GET, &path).query(&query)).await?;
        let user: User = wire::part(&answer, "/data/user")?;
        Ok(user.name)
    }

    /// Whose these numbers and addresses are. Needs the scope `contact:user.id:readonly`.
    pub async fn look_up(&self, mobiles: &[String], emails: &[String]) -> Result<Vec<LookedUp>, FeishuError> {
        let path = "/open-apis/contact/v3/users/batch_get_id";
        let mut found = Vec::new();
        let bodies = mobiles.chunks(AT_ONCE).map(|some| json!({ "mobiles": some }));
        for body in bodies.chain(emails.chunks(AT_ONCE).map(|some| json!({ "emails": some }))) {
            let query = [("user_id_type", "open_id")];
            let answer = self.call(|| self.request(Method::POST, path).query(&query).json(&body)).await?;
            let some: Vec<LookedUp> = wire::part(&answer, "/data/user_list")?;
            found.extend(some);
        }
        Ok(found)
    }

    /// Whether app id and secret are accepted: fetches a token.
    pub async fn log_in(&self) -> Result<(), FeishuError> {
        self.token().await.map(drop)
    }
}
