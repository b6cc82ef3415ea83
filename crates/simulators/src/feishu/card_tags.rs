//! What schema 2.0 knows: the tags of elements and the attributes that each may have.
//!
//! Schema 2.0 refuses unknown attributes, so the table must not be generous. It holds what the documentation of the
//! components lists; a component that Huiyin does not use may lack a rare attribute here. A list is one string of
//! words.

/// Whether `word` stands in `list`.
pub(super) fn has(list: &str, word: &str) -> bool {
    list.split_whitespace().any(|entry| entry == word)
}

pub(super) const TEMPLATES: &str =
    "blue wathet turquoise green yellow orange red carmine violet purple indigo grey default";

/// Colours of header tags: no grey, but neutral and lime.
pub(super) const TAG_COLORS: &str =
    "neutral blue turquoise lime orange violet indigo wathet green yellow red purple carmine";

pub(super) const BUTTON_TYPES: &str =
    "default primary danger text primary_text danger_text primary_filled danger_filled laser";

/// Named text sizes; a card may define more in `config.style`.
pub(super) const TEXT_SIZES: &str = "heading-0 heading-1 heading-2 heading-3 heading-4 heading normal notation \
    xxxx-large xxx-large xx-large x-large large medium small x-small";

/// Tags of schema 1.0 that schema 2.0 dropped; they have an error of their own (200861).
pub(super) const DROPPED_TAGS: &str = "action note";

pub(super) const ROOT: &str = "schema config card_link header body";

/// `config`
pub(super) const CONFIG: &str = "streaming_mode streaming_config summary locales enable_forward update_multi \
    width_mode use_custom_translation enable_forward_interaction style";

/// `config.summary`
pub(super) const SUMMARY: &str = "content i18n_content";

/// `header`
pub(super) const HEADER: &str = "title subtitle text_tag_list i18n_text_tag_list template icon padding";

/// `body`
pub(super) const BODY: &str = "direction padding horizontal_spacing horizontal_align vertical_spacing \
    vertical_align elements";

/// A text object (`plain_text`, `lark_md`).
pub(super) const TEXT: &str =
    "tag content i18n_content element_id text_size text_color text_align lines icon";

/// One entry of `text_tag_list`.
pub(super) const TEXT_TAG: &str = "tag element_id text color";

/// `header` of a collapsible panel.
pub(super) const PANEL_HEADER: &str = "title background_color vertical_align padding position width icon \
    icon_position icon_expanded_angle";

/// The title of a collapsible panel.
pub(super) const PANEL_TITLES: &str = "plain_text markdown";

/// `confirm` of an interactive element.
pub(super) const CONFIRM: &str = "title text";

/// A `callback` behaviour.
pub(super) const CALLBACK: &str = "type value";
/// An `open_url` behaviour.
pub(super) const OPEN_URL: &str = "type default_url android_url ios_url pc_url";
/// A `form_action` behaviour.
pub(super) const FORM_ACTION: &str = "type behavior";

/// One of the `options` of a menu.
pub(super) const OPTION: &str = "text value icon";

/// Attributes that every element may have.
pub(super) const GENERAL: &str = "tag element_id margin";

/// How a container lays out its children.
const LAYOUT: &str =
    "direction padding horizontal_spacing horizontal_align vertical_spacing vertical_align elements";

const SELECT: &str = "type name placeholder required disabled width options initial_option initial_index \
    selected_values behaviors confirm";

/// Attributes of date and time pickers.
const PICKER: &str = "name placeholder required disabled width initial_date initial_time initial_datetime \
    behaviors confirm";

/// Attributes of an element by its tag, in up to two lists, the general ones aside.
pub(super) fn attributes(tag: &str) -> Option<[&'static str; 2]> {
    Some(match tag {
        // Links are written in the content; `href` is of schema 1.0.
        "markdown" => ["content text_size text_align text_color icon", ""],
        "div" => ["text fields icon width", ""],
        "hr" => ["", ""],
        "img" => [
            "img_key alt title scale_type size transparent preview corner_radius",
            "mode compact_width custom_width",
        ],
        "button" => [
            "type size width text icon hover_tips disabled disabled_tips confirm behaviors",
            "name form_action_type required",
        ],
        "column_set" => ["flex_mode horizontal_spacing horizontal_align background_style columns", "action"],
        "column" => ["width weight background_style action", LAYOUT],
        "form" => ["name", LAYOUT],
        "interactive_container" => [
            "width height background_style has_border border_color corner_radius behaviors hover_tips disabled \
             disabled_tips confirm",
            LAYOUT,
        ],
        "collapsible_panel" => ["expanded header border background_color", LAYOUT],
        "input" => [
            "name required placeholder default_value disabled width max_length input_type show_icon rows",
            "auto_resize max_rows label label_position value behaviors confirm fallback",
        ],
        "select_static" | "multi_select_static" | "select_person" | "multi_select_person" => [SELECT, ""],
        "date_picker" | "picker_time" | "picker_datetime" => [PICKER, ""],
        "overflow" => ["width options behaviors confirm", ""],
        "checker" => [
            "name checked disabled text overall_checkable button_area checked_style padding",
            "confirm behaviors hover_tips disabled_tips",
        ],
        "person" => ["user_id size show_avatar show_name style", ""],
        "person_list" => ["persons size lines show_name show_avatar drop_invalid_user_id icon", ""],
        "table" => ["page_size row_height row_max_height freeze_first_column header_style columns rows", ""],
        "chart" => ["chart_spec aspect_ratio color_theme preview height", ""],
        "img_combination" => ["combination_mode combination_transparent corner_radius img_list", ""],
        "audio" => ["file_key audio_id fallback", ""],
        _ => return None,
    })
}
