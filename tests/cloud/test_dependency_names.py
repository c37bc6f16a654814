"""No route has a dependency that is called like a field of its body.

litestar takes a validation error whose path begins with a dependency's name for a dependency that
broke, and answers what was the client's mistake with 500.
"""

from cloud.app import build_app, wire_features


async def test_no_dependency_is_called_like_a_field_of_the_body(kit):
    app = build_app(kit, wire_features(kit))
    clashes = []
    looked_at = 0
    for route in app.routes:
        for handler in getattr(route, "route_handlers", ()):
            parameters = handler.parsed_fn_signature.parameters
            body = parameters.get("data")
            if body is None:
                continue
            looked_at += 1
            types = [body.annotation, *(inner.annotation for inner in body.inner_types)]
            fields = {name for each in types for name in getattr(each, "__struct_fields__", ())}
            if shared := fields & (set(parameters) - {"data"}):
                clashes.append((route.path, sorted(shared)))
    assert looked_at > 20
    assert clashes == []
