"""How the words of a document are written into HTML: for the mail, or for the editor's canvas."""

from dataclasses import dataclass
from html import escape

from transactional.compose.document.expressions import Expression, literal
from transactional.compose.document.links import starts_safely

Parts = list[str | Expression]


@dataclass(frozen=True, slots=True)
class Voice:
    """Writes literals and variables; on the canvas a variable is shown, not filled in."""

    canvas: bool = False

    def literal(self, text: str) -> str:
        """Text for an element or an attribute: no markup and no template can begin in it."""
        return escape(text).replace("{", "&#123;")

    def value(self, expression: Expression) -> str:
        """A variable within text."""
        if not self.canvas:
            return "{{ " + expression.compiled() + " }}"
        source = self.literal(expression.source)
        return f'<span data-var="{source}" class="chip">{source}</span>'

    def text(self, parts: Parts) -> str:
        """Plain text with variables, within an element."""
        return "".join(
            self.literal(part) if isinstance(part, str) else self.value(part) for part in parts
        )

    def attribute(self, parts: Parts) -> str:
        """Plain text with variables, within a quoted attribute."""
        if not self.canvas:
            return self.text(parts)
        return self.literal("".join(_source(part) for part in parts))

    def link(self, parts: Parts) -> str:
        """A link for a quoted attribute; a value never brings a scheme that runs something."""
        if self.canvas or starts_safely(parts):
            return self.attribute(parts)
        written = [literal(p) if isinstance(p, str) else f"({p.compiled()})" for p in parts]
        # Joined even if alone: joining refuses what is missing, a filter would be handed None
        joined = " ~ ".join([*written, '""'])
        return "{{ (" + joined + ")|link }}"

    def logic(self, statement: str) -> str:
        """A condition or a loop; the canvas shows its block once."""
        return "" if self.canvas else "{% " + statement + " %}"


def _source(part: str | Expression) -> str:
    return part if isinstance(part, str) else "{{ " + part.source + " }}"
