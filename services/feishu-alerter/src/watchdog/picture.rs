//! The login code as a picture in Feishu. Codes change every few minutes; only the newest is any good.

use std::time::{Duration, Instant};

use feishu::{FeishuClient, ImageKey};
use qrcode::{Color, EcLevel, QrCode};

/// Two uploads are at least so far apart: codes that change faster than people scan cost calls for nothing.
const SPACING: Duration = Duration::from_secs(30);
/// Edge of a module, in pixels.
const MODULE: usize = 8;
/// White modules around the code, without which no phone finds it.
const QUIET_ZONE: usize = 4;

/// The picture that is shown.
#[derive(Debug, Default)]
pub struct Picture {
    uploaded: Option<(String, ImageKey)>,
    tried: Option<Instant>,
}

impl Picture {
    /// The key of the picture of this code. An upload that fails is tried again later; meanwhile there is none.
    pub async fn of(&mut self, feishu: &FeishuClient, code: Option<&str>) -> Option<ImageKey> {
        let code = code?;
        if let Some((shown, key)) = &self.uploaded
            && shown == code
        {
            return Some(key.clone());
        }
        if self.tried.is_some_and(|tried| tried.elapsed() < SPACING) {
            // The former one: it may be out of date, but there is nothing better.
            return self.uploaded.as_ref().map(|(_, key)| key.clone());
        }
        self.tried = Some(Instant::now());
        let Some(png) = png(code) else {
            tracing::warn!("the login code fits into no QR code");
            return None;
        };
        match feishu.upload(&png).await {
            Ok(key) => {
                self.uploaded = Some((code.to_owned(), key.clone()));
                Some(key)
            }
            Err(error) => {
                tracing::warn!(error = %error, "the login code could not be uploaded");
                None
            }
        }
    }

    /// Nobody needs a code any more.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

/// The code as a grey picture of one bit a pixel.
fn png(text: &str) -> Option<Vec<u8>> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    let (width, colours) = (code.width(), code.to_colors());
    let side = (width + 2 * QUIET_ZONE) * MODULE;
    let is_dark = |x: usize, y: usize| {
        let module = |pixel: usize| (pixel / MODULE).checked_sub(QUIET_ZONE).filter(|module| *module < width);
        module(x).zip(module(y)).is_some_and(|(x, y)| colours[y * width + x] == Color::Dark)
    };
    let row = |y: usize| (0..side / 8).map(move |byte| eight(|bit| is_dark(byte * 8 + bit, y)));
    let pixels: Vec<u8> = (0..side).flat_map(row).collect();
    let edge = u32::try_from(side).ok()?;
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, edge, edge);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    encoder.write_header().ok()?.write_image_data(&pixels).ok()?;
    Some(bytes)
}

/// Eight pixels as a byte, the leftmost first; light is 1.
fn eight(is_dark: impl Fn(usize) -> bool) -> u8 {
    (0..8).fold(0, |byte, bit| byte << 1 | u8::from(!is_dark(bit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_is_the_code_with_a_quiet_zone() {
        let text = "https://login.example/l/abc";
        let png = png(text).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(&png)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        let code = QrCode::with_error_correction_level(text, EcLevel::L).unwrap();
        assert_eq!(info.width as usize, (code.width() + 2 * QUIET_ZONE) * MODULE);
        let dark = |x: usize, y: usize| pixels[y * info.line_size + x / 8] >> (7 - x % 8) & 1 == 0;
        for (n, colour) in code.to_colors().into_iter().enumerate() {
            let (x, y) = (n % code.width() + QUIET_ZONE, n / code.width() + QUIET_ZONE);
            assert_eq!(dark(x * MODULE + 3, y * MODULE + 5), colour == Color::Dark, "{n}");
        }
        assert!((0..info.width as usize).all(|x| !dark(x, 10)), "quiet above");
    }
}
