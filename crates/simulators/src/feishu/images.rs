//! Uploading images: `POST /im/v1/images`, multipart, `image_type` and `image`. A card may only show what was uploaded.

use axum::body::Body;
use axum::extract::{FromRequest, Multipart};
use axum::http::{HeaderMap, Request};
use bytes::Bytes;
use serde_json::{Value, json};

use super::answer::Answer;
use super::crypto::opaque_id;
use super::world::World;

/// Largest image, in bytes.
const IMAGE_MAX_BYTES: usize = 10 * 1024 * 1024;
/// How images begin that are taken: PNG, JPEG, GIF, BMP, WEBP (RIFF), ICO, TIFF.
const BEGINNINGS: [&[u8]; 8] = [
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",
    b"GIF8",
    b"BM",
    b"RIFF",
    b"\x00\x00\x01\x00",
    b"II*\x00",
    b"MM\x00*",
];

/// The fields of an upload.
#[derive(Debug, Clone, Default)]
pub(super) struct Form {
    image_type: Option<String>,
    image: Option<Bytes>,
}

/// An image as stored.
#[derive(Debug, Clone)]
pub(super) struct Image {
    pub(super) key: String,
    pub(super) bytes: Bytes,
}

/// Reads a body as a form; `None`: it is none.
pub(super) async fn form(headers: &HeaderMap, body: Bytes) -> Option<Form> {
    let mut request = Request::new(Body::from(body));
    *request.headers_mut() = headers.clone();
    let mut parts = Multipart::from_request(request, &()).await.ok()?;
    let mut form = Form::default();
    while let Some(field) = parts.next_field().await.ok()? {
        match field.name() {
            Some("image_type") => form.image_type = field.text().await.ok(),
            // Without a file name it is a text to Feishu.
            Some("image") if field.file_name().is_some() => form.image = field.bytes().await.ok(),
            _ => {}
        }
    }
    Some(form)
}

pub(super) fn upload(world: &mut World, form: Option<&Form>) -> Result<Value, Answer> {
    if world.switches.no_image_scope {
        return Err(Answer::refuse(99_991_672));
    }
    let form = form.ok_or_else(|| Answer::refuse(234_001))?;
    if !matches!(form.image_type.as_deref(), Some("message" | "avatar")) {
        return Err(Answer::refuse(234_001));
    }
    let bytes = form.image.clone().ok_or_else(|| Answer::refuse(234_001))?;
    if bytes.is_empty() {
        return Err(Answer::refuse(234_010));
    }
    if bytes.len() > IMAGE_MAX_BYTES {
        return Err(Answer::refuse(234_006));
    }
    if !BEGINNINGS.iter().any(|beginning| bytes.starts_with(beginning)) {
        return Err(Answer::refuse(234_011));
    }
    let serial = world.next_serial();
    let key = format!("img_v3_{}", opaque_id(&format!("image:{serial}"), 32));
    world.images.push(Image { key: key.clone(), bytes });
    Ok(json!({"image_key": key}))
}
