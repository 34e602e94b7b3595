//! The JSON Schemas of what people and other tools write and read, as published in
//! docs/schemas. They are made from the code that reads those files.

use serde_json::Value;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    /// One line of a suite.
    SuiteLine,
    /// touchstone.toml.
    Config,
    /// manifest.json of a bundle.
    Manifest,
}

impl Schema {
    pub const ALL: [Schema; 3] = [Schema::SuiteLine, Schema::Config, Schema::Manifest];

    /// Its file in docs/schemas.
    pub fn file(self) -> &'static str {
        match self {
            Schema::SuiteLine => "suite-line.schema.json",
            Schema::Config => "touchstone.schema.json",
            Schema::Manifest => "manifest.schema.json",
        }
    }

    pub fn value(self) -> Value {
        match self {
            Schema::SuiteLine => domain::case::line_schema(),
            Schema::Config => domain::gate::config_schema(),
            Schema::Manifest => bundle::schema(),
        }
    }

    /// As it is published: indented, with a line break at its end.
    pub fn text(self) -> String {
        format!("{:#}\n", self.value())
    }
}
