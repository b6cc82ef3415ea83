//! A headless Chromium, driven by the protocol of its developer tools over a pipe: no port that another could reach, and
//! no driver of another version beside it.
//!
//! It acts with mouse and keys, so that what is covered, outside the window or too small cannot be pressed here either.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use data_encoding::BASE64;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::{Instant, sleep, timeout};

/// Starts the first Chromium there is, with our pipe where it expects its own: commands on 3, answers on 4.
const START: &str = r#"
for name in chromium chromium-browser google-chrome google-chrome-stable; do
  if command -v "$name" >/dev/null; then exec "$name" "$@" 3<&0 4>&1 </dev/null >/dev/null; fi
done
exit 127"#;

const FLAGS: [&str; 12] = [
    "--headless",
    "--remote-debugging-pipe",
    // Its sandbox needs more than a container or root is given; it opens our own page only.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--lang=zh-CN",
    "about:blank",
];

const NONE: &str = "there is no Chromium on this machine, or it does not start: this test plays on the page in one \
                    (Debian: apt-get install chromium)";

/// The longest that Chromium may take for one answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// The longest that the page may take to show something.
const PATIENCE: Duration = Duration::from_secs(20);
/// The pause between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What looks for elements stands in the page before each look: the first that matches and holds the text.
const FIND: &str = "const find = (selector, text = '') => \
                    [...document.querySelectorAll(selector)].find(node => node.textContent.includes(text));";

/// A browser with one page open.
pub struct Browser {
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
    session: Option<String>,
    last_id: u64,
    /// What the page's scripts complained of.
    pub complaints: Vec<String>,
    pictures: PathBuf,
    process: Child,
    _profile: TempDir,
}

impl Browser {
    /// Starts one; its pictures go into `pictures`.
    pub async fn start(pictures: &Path) -> Result<Self> {
        // Those of a former run would be taken for this one's.
        std::fs::remove_dir_all(pictures).ok();
        std::fs::create_dir_all(pictures)?;
        let profile = tempfile::Builder::new().prefix("huiyin-chromium-").tempdir()?;
        let mut process = Command::new("sh")
            .args(["-c", START, "sh"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .args(FLAGS)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let mut browser = Self {
            commands: process.stdin.take().context("its stdin")?,
            answers: BufReader::new(process.stdout.take().context("its stdout")?),
            session: None,
            last_id: 0,
            complaints: Vec::new(),
            pictures: pictures.to_owned(),
            process,
            _profile: profile,
        };
        let target =
            browser.call("Target.createTarget", json!({ "url": "about:blank" })).await.context(NONE)?;
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = browser.call("Target.attachToTarget", attach).await?;
        browser.session = Some(attached["sessionId"].as_str().context("no session")?.to_owned());
        for domain in ["Page", "Runtime", "Log"] {
            browser.call(&format!("{domain}.enable"), json!({})).await?;
        }
        Ok(browser)
    }

    pub async fn stop(mut self) -> Result<()> {
        self.session = None;
        self.call("Browser.close", json!({})).await?;
        timeout(ANSWER_WITHIN, self.process.wait()).await??;
        Ok(())
    }

    /// Gives the window a size, in pixels.
    pub async fn resize(&mut self, width: u32, height: u32) -> Result<()> {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", size).await?;
        Ok(())
    }

    pub async fn open(&mut self, address: &str) -> Result<()> {
        self.call("Page.navigate", json!({ "url": address })).await?;
        Ok(())
    }

    /// Keeps a picture of what is on show.
    pub async fn picture(&mut self, name: &str) -> Result<()> {
        let shot = self.call("Page.captureScreenshot", json!({ "format": "png" })).await?;
        let png = BASE64.decode(shot["data"].as_str().unwrap_or_default().as_bytes())?;
        std::fs::write(self.pictures.join(format!("{name}.png")), png)?;
        Ok(())
    }

    /// What an expression is worth in the page.
    pub async fn value(&mut self, expression: &str) -> Result<Value> {
        let params = json!({ "expression": format!("{{ {FIND} {expression} }}"), "returnByValue": true });
        let answer = self.call("Runtime.evaluate", params).await?;
        ensure!(answer.get("exceptionDetails").is_none(), "{expression} broke: {answer}");
        Ok(answer["result"]["value"].clone())
    }

    /// Waits until an expression is true in the page. If it never is, a picture says what was there instead.
    pub async fn until(&mut self, what: &str, expression: &str) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        while self.value(expression).await? != json!(true) {
            if Instant::now() >= end {
                self.picture("failed").await?;
                bail!("waited in vain until {what}: {}", self.pictures.join("failed.png").display());
            }
            sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// Presses the first element that matches and holds the text, once it is there and nothing covers it.
    pub async fn press(&mut self, selector: &str, text: &str) -> Result<()> {
        let (selector, text) = (json!(selector), json!(text));
        let place = format!(
            "var pressed = find({selector}, {text}); pressed?.scrollIntoView({{ block: 'nearest', inline: 'nearest' }}); \
             var box = pressed?.getBoundingClientRect(); \
             var place = box && [box.x + box.width / 2, box.y + box.height / 2]; \
             place && pressed.contains(document.elementFromPoint(...place)) && document.readyState === 'complete'"
        );
        self.until(&format!("{selector} {text} can be pressed"), &place).await?;
        let place = self.value("place").await?;
        for kind in ["mousePressed", "mouseReleased"] {
            let mouse = json!({
                "type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1
            });
            self.call("Input.dispatchMouseEvent", mouse).await?;
        }
        Ok(())
    }

    /// Types into what has the focus.
    pub async fn write(&mut self, text: &str) -> Result<()> {
        self.call("Input.insertText", json!({ "text": text })).await?;
        Ok(())
    }

    /// Asks Chromium for something and awaits its answer.
    pub async fn call(&mut self, method: &str, params: Value) -> Result<Value> {
        self.last_id += 1;
        let mut command = json!({ "id": self.last_id, "method": method, "params": params });
        if let Some(session) = &self.session {
            command["sessionId"] = json!(session);
        }
        let mut bytes = serde_json::to_vec(&command)?;
        bytes.push(0);
        self.commands.write_all(&bytes).await?;
        let answer =
            timeout(ANSWER_WITHIN, self.answer()).await.with_context(|| format!("{method} hangs"))??;
        ensure!(answer.get("error").is_none(), "{method}: {}", answer["error"]);
        Ok(answer["result"].clone())
    }

    /// The answer to the last command. What Chromium tells meanwhile is heard.
    async fn answer(&mut self) -> Result<Value> {
        loop {
            let mut bytes = Vec::new();
            self.answers.read_until(0, &mut bytes).await?;
            ensure!(bytes.pop() == Some(0), "Chromium has ended");
            let told: Value = serde_json::from_slice(&bytes)?;
            if told["id"] == self.last_id {
                return Ok(told);
            }
            let entry = &told["params"]["entry"];
            if told["method"] == "Runtime.exceptionThrown" || entry["level"] == "error" {
                self.complaints.push(told["params"].to_string());
            }
        }
    }
}
