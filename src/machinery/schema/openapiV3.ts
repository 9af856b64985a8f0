/** The OpenAPI v3 document of the served API, built from the schema and the list of served resources. */
