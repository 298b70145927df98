from drf_spectacular.generators import SchemaGenerator

from catalog.filters import COMMON_NUMBERS


def test_every_address_of_the_catalogue_is_described():
    paths = SchemaGenerator().get_schema(public=True)["paths"]
    ours = {
        f"{method.upper()} {path}": operation
        for path, operations in paths.items()
        for method, operation in operations.items()
        if "catalogue" in operation["tags"]
    }
    product, category = "/api/v1/products/", "/api/v1/categories/"
    assert set(ours) == {
        *(f"{method} {base}" for base in (product, category) for method in ("GET", "POST")),
        *(f"{method} {product}{{sku}}/" for method in ("GET", "PUT", "PATCH", "DELETE")),
        *(f"{method} {category}{{slug}}/" for method in ("GET", "PUT", "PATCH", "DELETE")),
        f"GET {product}{{sku}}/photos/",
        f"POST {product}{{sku}}/photos/",
        f"DELETE {product}{{sku}}/photos/{{id}}/",
    }
    assert all(operation["summary"] for operation in ours.values())
    assert all("503" in operation["responses"] for operation in ours.values())
    sending = {address for address, operation in ours.items() if "413" in operation["responses"]}
    assert sending == {address for address in ours if address.startswith(("POST", "PUT", "PATCH"))}


def test_the_filters_of_the_product_list_are_described():
    paths = SchemaGenerator().get_schema(public=True)["paths"]
    parameters = {parameter["name"]: parameter for parameter in paths["/api/v1/products/"]["get"]["parameters"]}
    bounds = {f"{name}_{end}" for name in COMMON_NUMBERS for end in ("min", "max")}
    assert bounds < set(parameters)
    assert set(parameters) - bounds == {
        "attributes",
        "category",
        "facets",
        "in_stock",
        "ordering",
        "page",
        "page_size",
        "price_max",
        "price_min",
        "q",
    }
    assert parameters["attributes"]["schema"]["type"] == "array"
    assert parameters["facets"]["schema"] == {"type": "boolean"}
    assert "color:Oak" in parameters["attributes"]["description"]


def test_the_photos_of_a_product_are_sent_as_files():
    schema = SchemaGenerator().get_schema(public=True)
    body = schema["paths"]["/api/v1/products/{sku}/photos/"]["post"]["requestBody"]["content"]
    assert list(body) == ["multipart/form-data"]
    image = schema["components"]["schemas"]["PhotoUploadRequest"]["properties"]["image"]
    assert image["items"] == {"type": "string", "format": "binary"}
