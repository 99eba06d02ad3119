"""What is wrong with settings, in one line that names the key, the value and what is allowed.

Pydantic finds it; who said it, a file or Python, is for the callers to say.
"""

from pydantic import BaseModel, ValidationError

from plantnas.errors import did_you_mean, shown, shown_key


def mistake_in(error: ValidationError, schema: type[BaseModel]) -> str:
    """The first mistake in what is to be a model.

    Args:
        error: What pydantic says.
        schema: The model.
    """
    mistake = error.errors()[0]
    key = shown_key(".".join(str(part) for part in mistake["loc"]))
    if mistake["type"] == "extra_forbidden":
        *parts, unknown = map(str, mistake["loc"])
        fields = schema.model_fields
        for part in parts:
            annotation = fields[part].annotation if part in fields else None
            if isinstance(annotation, type) and issubclass(annotation, BaseModel):
                fields = annotation.model_fields
        return f"{key}: unknown key. {did_you_mean(unknown, list(fields))}"
    if mistake["type"] == "missing":
        return f"{key}: is missing."
    message = mistake["msg"].removeprefix("Value error, ")
    if mistake["type"] == "value_error":
        return f"{key}: {message}." if key else f"{message}."
    return f"{key}: {shown(mistake['input'])} is not allowed: {message}."
