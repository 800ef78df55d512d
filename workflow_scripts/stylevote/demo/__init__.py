"""The demo's data: drawn people, and label sets as the challenge had them."""
