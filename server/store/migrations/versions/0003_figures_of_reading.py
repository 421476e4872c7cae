"""Figures of reading"""

import sqlalchemy as sa
from alembic import op

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('health',
    sa.Column('device', sa.String(length=64), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('body', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['device'], ['device.id'], name=op.f('fk_health_device_device')),
    sa.PrimaryKeyConstraint('device', name=op.f('pk_health'))
    )
