-- Recipes, their parts, and the search over them.
--
-- ids are UUIDs in 16 bytes, instants microseconds since 1970, dates YYYY-MM-DD.

CREATE TABLE recipes (
    -- The row id, declared so that it stays the same for good: the search index refers to it.
    seq           INTEGER PRIMARY KEY,
    id            BLOB    NOT NULL CHECK (length(id) = 16),
    -- Names the file a recipe was read from; reading it again changes the same recipe.
    source_key    TEXT,
    title         TEXT    NOT NULL,
    title_norm    TEXT    NOT NULL,
    description   TEXT,
    source_url    TEXT,
    author        TEXT,
    visibility    TEXT    NOT NULL CHECK (visibility IN ('private', 'household', 'public')),
    cuisine       TEXT,
    prep_minutes  INTEGER CHECK (prep_minutes >= 0),
    cook_minutes  INTEGER CHECK (cook_minutes >= 0),
    total_minutes INTEGER CHECK (total_minutes >= 0),
    servings      INTEGER CHECK (servings > 0),
    yield_text    TEXT,
    published_on  TEXT,
    -- A JSON array of {text, section}.
    notes         TEXT    NOT NULL,
    version       INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX recipes_id ON recipes (id);
CREATE UNIQUE INDEX recipes_source_key ON recipes (source_key);
CREATE INDEX recipes_visibility_title ON recipes (visibility, title_norm, id);

CREATE TABLE recipe_ingredients (
    recipe_id BLOB    NOT NULL REFERENCES recipes (id) ON DELETE CASCADE,
    position  INTEGER NOT NULL,
    section   TEXT,
    text      TEXT    NOT NULL,
    PRIMARY KEY (recipe_id, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE recipe_steps (
    recipe_id BLOB    NOT NULL REFERENCES recipes (id) ON DELETE CASCADE,
    position  INTEGER NOT NULL,
    section   TEXT,
    text      TEXT    NOT NULL,
    PRIMARY KEY (recipe_id, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE tags (
    id         BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    kind       TEXT    NOT NULL CHECK (kind IN ('tag', 'diet', 'category', 'tool')),
    name       TEXT    NOT NULL,
    slug       TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX tags_kind_slug ON tags (kind, slug);

CREATE TABLE recipe_tags (
    recipe_id BLOB    NOT NULL REFERENCES recipes (id) ON DELETE CASCADE,
    tag_id    BLOB    NOT NULL REFERENCES tags (id) ON DELETE CASCADE,
    position  INTEGER NOT NULL,
    PRIMARY KEY (recipe_id, tag_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX recipe_tags_tag ON recipe_tags (tag_id, recipe_id);

-- Folded text of the recipes by `seq`, changed in the transaction that changes the recipe.
-- Only the index is kept, not the text.
CREATE VIRTUAL TABLE recipes_fts USING fts5 (
    title, description, ingredients, tags, cuisine,
    content = '',
    contentless_delete = 1,
    tokenize = 'unicode61 remove_diacritics 2',
    prefix = '2 3'
);
