"""Templates from elsewhere (HubSpot, MJML, Jinja, Handlebars, plain HTML) as emails of ours."""
