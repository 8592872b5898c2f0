//! `GET /api/v1/recipes/{id}`: one recipe.

use recipe_api::{import::parse_recipe, store::Store};

use crate::support::{TempFolder, TestApp};

const FULL: &str = "\
---
title: Crème brûlée
date: 2024-02-24T15:40:05+01:00
tags: [french, Slow Cooked, slow-cooked]
author: A. Cook
---

A custard
with a crust.

- ⏲️ Prep time: 20 min
- 🍳 Cook time: 1 h 30 min
- 🍽️ Servings: 4-6 people

## Ingredients

### Custard

- 4 egg *yolks*
- 500 ml cream

### Crust

- 50 g sugar

## Directions

1. Mix.
2. Bake.

Originally published at [here](https://example.org/x): https://example.org/creme.

## Notes

- Eat it cold.
";

#[tokio::test]
async fn a_recipe_has_all_its_parts() {
    let text = FULL.replace("[here](https://example.org/x): ", "");
    let recipes = [("creme".to_owned(), parse_recipe(&text).unwrap())];
    let app = TestApp::with_recipes(&recipes).await;
    let list = app.get("/api/v1/recipes").await.json();
    let id = list["data"][0]["id"].as_str().unwrap();
    let answer = app.get(&format!("/api/v1/recipes/{id}")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("etag"), Some("\"1\""));
    let mut recipe = answer.json();
    assert_eq!(recipe, list["data"][0], "the list has the whole recipe");
    for name in ["createdAt", "updatedAt"] {
        let instant = recipe[name].take();
        let instant = instant.as_str().unwrap();
        assert!(
            instant.starts_with("20") && instant.ends_with('Z'),
            "{instant}"
        );
        assert_eq!(instant.len(), "2026-01-01T00:00:00.000000Z".len());
    }
    assert_eq!(
        recipe,
        serde_json::json!({
            "id": id,
            "title": "Crème brûlée",
            "description": "A custard with a crust.",
            "servings": 4,
            "yieldText": "4-6 people",
            "prepMinutes": 20,
            "cookMinutes": 90,
            "totalMinutes": 110,
            "cuisine": "french",
            "visibility": "public",
            "tags": ["french", "Slow Cooked"],
            "ingredients": [
                {"text": "4 egg yolks", "section": "Custard"},
                {"text": "500 ml cream", "section": "Custard"},
                {"text": "50 g sugar", "section": "Crust"},
            ],
            "steps": [
                {"text": "Mix.", "section": null},
                {"text": "Bake.", "section": null},
            ],
            "notes": [
                {"text": "Originally published at https://example.org/creme.", "section": null},
                {"text": "Eat it cold.", "section": "Notes"},
            ],
            "sourceUrl": "https://example.org/creme",
            "author": "A. Cook",
            "publishedOn": "2024-02-24",
            "createdAt": null,
            "updatedAt": null,
        })
    );
}

#[tokio::test]
async fn a_recipe_that_the_client_has_is_not_sent_again() {
    let app = TestApp::with_demo().await;
    let list = app.get("/api/v1/recipes?limit=1").await.json();
    let id = list["data"][0]["id"].as_str().unwrap();
    let ask = async |known: &str| {
        app.send(&format!(
            "GET /api/v1/recipes/{id} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             If-None-Match: {known}\r\n\r\n"
        ))
        .await
    };
    for known in ["\"1\"", "W/\"1\"", "\"7\", \"1\"", "*"] {
        let answer = ask(known).await;
        assert_eq!((answer.status, answer.body.as_str()), (304, ""), "{known}");
        assert_eq!(answer.header("etag"), Some("\"1\""));
    }
    for known in ["\"2\"", "1", ""] {
        assert_eq!(ask(known).await.status, 200, "{known}");
    }
}

#[tokio::test]
async fn unknown_ids_are_not_found_and_malformed_ones_are_told() {
    let app = TestApp::with_demo().await;
    let unknown = "/api/v1/recipes/018f0000-0000-7000-8000-000000000000";
    let details = app.get(unknown).await.problem(404, "NOT_FOUND");
    assert_eq!(details, serde_json::json!({}));
    let long = "x".repeat(5_000);
    for id in [
        "1",
        "abc",
        "%00",
        "%ff",
        "%zz",
        "..%2f..",
        "a%20b",
        "null",
        long.as_str(),
    ] {
        let answer = app.get(&format!("/api/v1/recipes/{id}")).await;
        let details = answer.problem(400, "VALIDATION_ERROR");
        assert_eq!(details["id"], "must be a UUID", "{id}");
    }
    let details = app
        .get(&format!("{unknown}?x=1"))
        .await
        .problem(400, "VALIDATION_ERROR");
    assert_eq!(details["x"], "unknown parameter; there are none here");
}

#[tokio::test]
async fn reading_a_file_again_changes_the_same_recipe() {
    let folder = TempFolder::new();
    let store = Store::open(folder.path()).await.unwrap();
    let first = parse_recipe(FULL).unwrap();
    store.import(&[("creme".to_owned(), first)]).await.unwrap();
    let filter = recipe_api::store::RecipeFilter::default();
    let page = recipe_api::store::Page {
        number: 1,
        limit: 10,
    };
    let before = store.recipes(&filter, page).await.unwrap();

    let text = FULL
        .replace("brûlée", "renversée")
        .replace("- 50 g sugar\n", "- 60 g honey\n");
    let second = parse_recipe(&text).unwrap();
    let counts = store.import(&[("creme".to_owned(), second)]).await.unwrap();
    assert_eq!((counts.loaded, counts.updated), (0, 1));

    let after = store.recipes(&filter, page).await.unwrap();
    assert_eq!(after.total, 1);
    let (before, after) = (
        before.recipes.first().unwrap(),
        after.recipes.first().unwrap(),
    );
    assert_eq!((after.id, after.version), (before.id, 2));
    assert_eq!(after.created_at, before.created_at);
    assert!(after.updated_at >= before.updated_at);
    assert_eq!(after.content.ingredients.len(), 3);
    for (text, total) in [("honey", 1), ("sugar", 0), ("brulee", 0), ("renversee", 1)] {
        let filter = recipe_api::store::RecipeFilter {
            text: Some(text.to_owned()),
            ..Default::default()
        };
        assert_eq!(
            store.recipes(&filter, page).await.unwrap().total,
            total,
            "{text}"
        );
    }
    store.close().await;
}
