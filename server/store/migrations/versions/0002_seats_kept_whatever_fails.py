"""Seats kept whatever fails"""

import sqlalchemy as sa
from alembic import op

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('act',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('kind', sa.String(length=32), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('by', sa.String(length=64), nullable=False),
    sa.Column('room', sa.String(length=64), nullable=False),
    sa.Column('device', sa.String(length=64), nullable=False),
    sa.Column('facts', sa.Text(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('confirmed_by', sa.String(length=64), nullable=False),
    sa.Column('confirmed', sa.BigInteger(), nullable=True),
    sa.Column('outcome', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_act')),
    sqlite_autoincrement=True
    )
    op.create_table('capacity',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('room', sa.String(length=64), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('capacity', sa.Integer(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_capacity')),
    sqlite_autoincrement=True
    )
    with op.batch_alter_table('capacity', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_capacity_room'), ['room'], unique=False)

    op.create_table('pairing',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('token_hash', sa.LargeBinary(), nullable=False),
    sa.Column('device', sa.String(length=64), nullable=False),
    sa.Column('gate', sa.String(length=64), nullable=False),
    sa.Column('server', sa.Text(), nullable=False),
    sa.Column('by', sa.String(length=64), nullable=False),
    sa.Column('expires', sa.BigInteger(), nullable=False),
    sa.Column('public', sa.LargeBinary(), nullable=True),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.ForeignKeyConstraint(['gate'], ['gate.id'], name=op.f('fk_pairing_gate_gate')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_pairing')),
    sa.UniqueConstraint('token_hash', name=op.f('uq_pairing_token_hash'))
    )
    with op.batch_alter_table('account', schema=None) as batch_op:
        batch_op.add_column(sa.Column('state', sa.String(length=8), server_default='live', nullable=False))
        batch_op.add_column(sa.Column('settled_seq', sa.BigInteger(), server_default='0', nullable=False))
        batch_op.add_column(sa.Column('hold', sa.Integer(), server_default='0', nullable=False))
        batch_op.add_column(sa.Column('recall', sa.BigInteger(), server_default='0', nullable=False))

    with op.batch_alter_table('book', schema=None) as batch_op:
        batch_op.add_column(sa.Column('forced', sa.BigInteger(), server_default='0', nullable=False))
        batch_op.add_column(sa.Column('capacity', sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column('hold', sa.Integer(), server_default='0', nullable=False))
        batch_op.add_column(sa.Column('held', sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.add_column(sa.Column('heads', sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column('open_era', sa.Integer(), server_default='1', nullable=False))
        batch_op.add_column(sa.Column('vowed_era', sa.Integer(), server_default='1', nullable=False))

    with op.batch_alter_table('device', schema=None) as batch_op:
        batch_op.add_column(sa.Column('era', sa.Integer(), server_default='1', nullable=False))

    with op.batch_alter_table('event', schema=None) as batch_op:
        batch_op.add_column(sa.Column('home', sa.Text(), server_default='', nullable=False))

    with op.batch_alter_table('incarnation', schema=None) as batch_op:
        batch_op.add_column(sa.Column('machine', sa.String(length=64), server_default='', nullable=False))
        batch_op.add_column(sa.Column('closed', sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.add_column(sa.Column('era', sa.Integer(), server_default='1', nullable=False))

    with op.batch_alter_table('incident', schema=None) as batch_op:
        batch_op.add_column(sa.Column('claimed_by', sa.String(length=64), server_default='', nullable=False))
        batch_op.add_column(sa.Column('resolved_by', sa.String(length=64), server_default='', nullable=False))
        batch_op.add_column(sa.Column('note', sa.Text(), server_default='', nullable=False))
        batch_op.create_index('ix_incident_open', ['id'], unique=False, sqlite_where=sa.text('resolved IS NULL'), postgresql_where=sa.text('resolved IS NULL'))

    with op.batch_alter_table('passage', schema=None) as batch_op:
        batch_op.add_column(sa.Column('of', sa.BigInteger(), server_default='0', nullable=False))
        batch_op.add_column(sa.Column('by', sa.BigInteger(), server_default='0', nullable=False))

    with op.batch_alter_table('person', schema=None) as batch_op:
        batch_op.add_column(sa.Column('code', sa.Text(), server_default='', nullable=False))

    with op.batch_alter_table('stay', schema=None) as batch_op:
        batch_op.add_column(sa.Column('earliest', sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column('how', sa.String(length=16), server_default='', nullable=False))
        batch_op.add_column(sa.Column('settled', sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.add_column(sa.Column('credited', sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.create_index('ix_stay_entry', ['entry'], unique=False)
