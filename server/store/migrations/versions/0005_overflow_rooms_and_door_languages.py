"""Overflow rooms, and the languages of the doors"""

import sqlalchemy as sa
from alembic import op

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('room', schema=None) as batch_op:
        batch_op.add_column(sa.Column('overflow', sa.String(length=64), nullable=True))
        batch_op.create_foreign_key(
            batch_op.f('fk_room_overflow_room'), 'room', ['overflow'], ['id'], deferrable=True, initially='DEFERRED'
        )

    with op.batch_alter_table('event', schema=None) as batch_op:
        batch_op.add_column(sa.Column('languages', sa.Text(), server_default='', nullable=False))
