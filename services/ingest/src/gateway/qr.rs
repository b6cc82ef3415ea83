//! The login QR code, for the two places where an operator looks: the log and the page.

use qrcode::render::{svg, unicode};
use qrcode::{EcLevel, QrCode};

/// Smallest edge of the picture on the page, in CSS pixels.
const SVG_MIN_SIDE: u32 = 240;

/// The text is too long for any QR code (about 2,900 bytes).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the login text does not fit into a QR code")]
pub struct QrError;

/// The code as lines of block characters. Light modules are drawn, so that it scans on a terminal's dark ground.
pub fn terminal(text: &str) -> Result<String, QrError> {
    Ok(code(text)?
        .render::<unicode::Dense1x2>()
        .dark_color(unicode::Dense1x2::Light)
        .light_color(unicode::Dense1x2::Dark)
        .build())
}

/// The code as an SVG document.
pub fn svg(text: &str) -> Result<String, QrError> {
    Ok(code(text)?.render::<svg::Color<'_>>().min_dimensions(SVG_MIN_SIDE, SVG_MIN_SIDE).build())
}

fn code(text: &str) -> Result<QrCode, QrError> {
    QrCode::with_error_correction_level(text, EcLevel::L).map_err(|_| QrError)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawn_twice_or_refused() {
        assert!(terminal("https://login.example/l/abc").unwrap().lines().count() > 10);
        assert!(svg("https://login.example/l/abc").unwrap().contains("<svg"));
        assert_eq!(terminal(&"x".repeat(4_000)), Err(QrError));
    }
}
