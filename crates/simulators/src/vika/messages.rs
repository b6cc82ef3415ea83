//! Every refusal of the Fusion API, with its code, its HTTP status and its exact zh-CN words.
//!
//! Nothing else in the simulator writes a message: what a client may have learnt to match on stands here once.
//! The words are those seen on a running server of the open-source core (1.10.0).

use serde_json::{Value, json};

/// A refusal as the client sees it: most of them come with HTTP 200, which is the first trap of this API.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ApiError {
    /// HTTP status of the answer.
    pub http: u16,
    /// `code` in the body.
    pub code: u16,
    /// `message` in the body: a text, an empty text, or an array of texts.
    pub message: Value,
    /// A parameter validator of the real server never answers at all; the switch `hang` decides.
    pub hangs: bool,
}

impl ApiError {
    fn new(http: u16, code: u16, message: impl Into<Value>) -> Self {
        Self { http, code, message: message.into(), hangs: false }
    }

    /// The body of the answer.
    pub fn body(&self) -> Value {
        json!({"success": false, "code": self.code, "message": self.message})
    }
}

/// A refused value or parameter: HTTP 200, code 400.
pub(super) fn bad(message: impl Into<String>) -> ApiError {
    ApiError::new(200, 400, message.into())
}

/// A refused cell: the field's name stands before the reason.
pub(super) fn bad_cell(field: &str, reason: &str) -> ApiError {
    bad(format!("field:{field} {reason}"))
}

/// A parameter validator: HTTP 200, code 500, and on an unmodified server no answer at all.
fn validator(message: &str) -> ApiError {
    ApiError { hangs: true, ..ApiError::new(200, 500, message) }
}

pub(super) fn unauthorized() -> ApiError {
    ApiError::new(401, 401, "Unauthorized")
}

pub(super) fn no_route() -> ApiError {
    ApiError::new(404, 404, "接口不存在")
}

pub(super) fn rate_limited(limit: u32) -> ApiError {
    let message = format!(
        "当前空间站等级的API调用频率为每秒{limit}次（QPS），你可以升级空间站等级以获得更高的调用频率，如需帮助请联系客服"
    );
    ApiError::new(429, 429, message)
}

pub(super) fn not_a_member() -> ApiError {
    ApiError::new(403, 403, "API Token 所属用户不是该空间站的成员，请调整 spaceId 或 API Token 后再试")
}

pub(super) fn usage_exceeded() -> ApiError {
    ApiError::new(403, 403, "API 用量超过限制，禁止访问")
}

pub(super) fn sheet_missing() -> ApiError {
    ApiError::new(200, 301, "找不到指定的表格")
}

pub(super) fn node_missing() -> ApiError {
    ApiError::new(200, 600, "Node not found")
}

pub(super) fn row_limit() -> ApiError {
    // The text always names 50000, whatever the limit in force is.
    ApiError::new(500, 304, "the usage of this function exceed the 50000 records limit of beta version")
}

pub(super) fn fault(status: u16) -> ApiError {
    ApiError::new(status, status, "Internal Server Error")
}

pub(super) fn malformed_json(text: &str, error: &serde_json::Error) -> ApiError {
    // Half a surrogate pair is JSON to the server's parser, and what stores it fails.
    if error.to_string().contains("hex escape") {
        return ApiError::new(500, 500, "SERVER_ERROR");
    }
    // The parser counts bytes of one line; the server counts characters of the whole body.
    let lines_before: usize =
        text.lines().take(error.line().saturating_sub(1)).map(|l| l.chars().count() + 1).sum();
    let position = lines_before + error.column().saturating_sub(1);
    let message = match text.chars().nth(position) {
        Some(found) => format!("Unexpected token {found} in JSON at position {position}"),
        None => "Unexpected end of JSON input".to_owned(),
    };
    ApiError::new(500, 500, message)
}

pub(super) fn record_without_fields(index: usize) -> ApiError {
    ApiError::new(500, 500, json!([format!("records.{index}.api_params_instance_fields_error")]))
}

pub(super) fn record_without_id(index: usize) -> ApiError {
    ApiError::new(500, 500, json!([format!("records.{index}.api_params_instance_recordid_error")]))
}

pub(super) fn records_empty() -> ApiError {
    validator("records 参数值不能为空数组或者空值")
}

pub(super) fn bad_field_key() -> ApiError {
    validator("传入的 fieldKey 不支持，支持的值是 id 或 name")
}

pub(super) fn bad_cell_format() -> ApiError {
    validator("传入的 cellFormat 不支持，支持的值是 json 或 string")
}

pub(super) fn page_size_too_big() -> ApiError {
    validator("pagesize 参数值不能大于 1000")
}

pub(super) fn page_size_too_small() -> ApiError {
    validator("pagesize 参数值不能小于 1")
}

pub(super) fn page_num_too_small() -> ApiError {
    validator("pageNum 参数值不能小于 1")
}

pub(super) fn too_many_records() -> ApiError {
    bad("单次请求修改/删除/新增的记录不能超过 10 条")
}

pub(super) fn unusable_fields() -> ApiError {
    bad("传入的 fields 参数格式不正确")
}

pub(super) fn unknown_field(name: &str) -> ApiError {
    bad(format!("传入的 fields 不存在：{name}"))
}

pub(super) fn unknown_sort_field(name: &str) -> ApiError {
    bad(format!("sort 参数指定的字段 \"{name}\" 不存在"))
}

pub(super) fn record_missing() -> ApiError {
    bad("recordId 指定的记录不存在")
}

pub(super) fn record_ids_missing() -> ApiError {
    bad("[recordIds]不能为空")
}

pub(super) fn unknown_view_on_post(view: &str) -> ApiError {
    // The trailing space is the server's.
    bad(format!("查询的视图({view}) 不存在 "))
}

pub(super) fn formula_error() -> ApiError {
    bad("")
}

pub(super) fn computed(label: &str) -> ApiError {
    bad(format!("{label}的值由系统自动生成，不允许编辑"))
}

pub(super) fn unknown_unit_id() -> ApiError {
    bad("unit ID 指定的组织单元不存在")
}

pub(super) fn unknown_unit_name() -> ApiError {
    bad("unit Name 指定的组织单元不存在")
}

pub(super) fn single_unit_only() -> ApiError {
    bad("只能传入一个 unit，因为成员列已设置不允许多选")
}

pub(super) fn sheet_without_name() -> ApiError {
    bad("[datasheet]必须包含name字段")
}

/// A column or a sheet without a name, or with one that is no text.
pub(super) fn nameless() -> ApiError {
    ApiError::new(500, 500, json!(["name must be a string"]))
}

pub(super) fn not_unique(property: &str) -> ApiError {
    bad(format!("[{property}]必须唯一"))
}

pub(super) fn bad_folder() -> ApiError {
    bad("[folderId]的值不正确")
}

pub(super) fn bad_type() -> ApiError {
    bad("[type]的值不正确")
}

pub(super) fn primary_not_allowed(kind: &str) -> ApiError {
    bad(format!("首列类型不允许为{kind}"))
}

pub(super) fn field_missing(id: &str) -> ApiError {
    bad(format!("[fieldId]「{id}」不存在"))
}

pub(super) fn primary_not_deletable() -> ApiError {
    bad("首列不允许删除")
}
