//! Who sits before a browser: OAuth 2.0 with an authorization code, as Feishu has it.
//!
//! Source: Feishu's documentation of "obtain OAuth code" (`accounts.feishu.cn/open-apis/authen/v1/authorize`), "get
//! `user_access_token`" (`/open-apis/authen/v2/oauth/token`) and `/open-apis/authen/v1/user_info`. The token is used once, for
//! the last of these, and kept nowhere.

use std::time::Duration;

use reqwest::{RequestBuilder, Url};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Credentials, OpenId, Secret};

/// How long a call may take: somebody waits for it.
const CALL_DEADLINE: Duration = Duration::from_secs(10);

/// Why it is not known who somebody is. It names no address, which holds a code, and no text of the answer.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// Feishu could not be reached, or gave no answer that can be read.
    #[error("Feishu cannot be reached for a login")]
    Unreachable(#[source] reqwest::Error),
    /// The code was used or is too old (20003, 20004, 20065), the app's secret is wrong (20002), the address to come back to
    /// is not registered (20071), or the person may not use the app (20010).
    #[error("Feishu refused a login with code {code}")]
    Refused {
        /// Feishu's code; -1 where the answer has none.
        code: i64,
    },
}

/// Where a browser goes to say who it is; it comes back to `redirect_uri` with `code` and `state`. `accounts` is
/// `https://accounts.feishu.cn`, Lark's, or a simulator. `None`: that is no address.
pub fn authorization_url(accounts: &str, app_id: &str, redirect_uri: &str, state: &str) -> Option<String> {
    let page = format!("{}/open-apis/authen/v1/authorize", accounts.trim_end_matches('/'));
    let query =
        [("client_id", app_id), ("redirect_uri", redirect_uri), ("response_type", "code"), ("state", state)];
    Url::parse_with_params(&page, query).ok().map(String::from)
}

#[derive(Deserialize)]
struct UserToken {
    access_token: Secret,
}

#[derive(Deserialize)]
struct UserInfo {
    open_id: OpenId,
}

/// Who came back with a code, by the id that this app knows them by. A code is good once, for five minutes.
pub async fn logged_in(
    http: &reqwest::Client,
    base: &str,
    app: &Credentials,
    code: &str,
    redirect_uri: &str,
) -> Result<OpenId, LoginError> {
    let address = |path: &str| format!("{}/open-apis/authen/{path}", base.trim_end_matches('/'));
    let grant = json!({
        "grant_type": "authorization_code", "client_id": app.app_id, "client_secret": app.app_secret.expose(),
        "code": code, "redirect_uri": redirect_uri,
    });
    let answer = ask(http.post(address("v2/oauth/token")).json(&grant)).await?;
    let token: UserToken = read(answer)?;
    let asked = http.get(address("v1/user_info")).bearer_auth(token.access_token.expose());
    let mut answer = ask(asked).await?;
    let person: UserInfo = read(answer["data"].take())?;
    Ok(person.open_id)
}

/// An answer with code 0.
async fn ask(request: RequestBuilder) -> Result<Value, LoginError> {
    let unreachable = |error: reqwest::Error| LoginError::Unreachable(error.without_url());
    let response = request.timeout(CALL_DEADLINE).send().await.map_err(unreachable)?;
    let answer: Value = response.json().await.map_err(unreachable)?;
    // The new token's answer has been seen with its code as a text.
    let code = answer["code"].as_i64().or_else(|| answer["code"].as_str()?.parse().ok());
    if code == Some(0) { Ok(answer) } else { Err(LoginError::Refused { code: code.unwrap_or(-1) }) }
}

fn read<T: serde::de::DeserializeOwned>(answer: Value) -> Result<T, LoginError> {
    serde_json::from_value(answer).map_err(|_| LoginError::Refused { code: -1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_state_holds_stays_in_it() {
        let url =
            authorization_url("https://accounts.feishu.cn/", "cli_1", "https://b.example/back?x=1", "a&b=c");
        let url = Url::parse(&url.unwrap()).unwrap();
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        assert_eq!(url.path(), "/open-apis/authen/v1/authorize");
        assert_eq!(pairs[1], ("redirect_uri".into(), "https://b.example/back?x=1".into()));
        assert_eq!(pairs[3], ("state".into(), "a&b=c".into()));
        assert_eq!(authorization_url("nowhere", "cli_1", "x", "y"), None);
    }
}
