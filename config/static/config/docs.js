"use strict";

// The page's policy allows no inline script, so Swagger UI starts here.
SwaggerUIBundle({
  url: document.getElementById("swagger-ui").dataset.schemaUrl,
  dom_id: "#swagger-ui",
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
});
